//! Three providers on one simulated exchange: each in its own words, with its own faults and hours.

use barkeep::{
    config::Limit,
    market::{Calendar, CandleState, Indicator, Series, Window},
    providers::Lane,
    quality::validate,
    simulate::{Audit, SimulatedProvider, SimulationConfig, audit},
};
use chrono::TimeDelta;

use crate::support::test_app::{Setup, TestApp, seconds};

/// Crypto from Coinbase, currencies from Oanda, shares from Alpha Vantage.
const EACH_ITS_OWN: &[(&str, &str)] = &[
    ("INGEST__PROVIDERS", "coinbase,oanda,alpha_vantage"),
    ("PROVIDERS__OANDA__TOKEN", "token"),
    ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
    ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
];

/// Whatever each provider knows, short of what makes a key useless.
const FAULTS: [&str; 14] = [
    "empty=0.03",
    "server_error=0.03",
    "torn=0.03",
    "lag=0.05",
    "drop_row=0.05",
    "duplicate_row=0.05",
    "conflicting_row=0.02",
    "shuffled=0.05",
    "bad_row=0.05",
    "throttle=0.03",
    "oanda:late_complete=0.2",
    "alpha_vantage:note=0.02",
    "alpha_vantage:burst=0.03",
    "alpha_vantage:empty_object=0.02",
];

async fn examined(app: &TestApp) -> Audit {
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean(), "{found:?}");
    found
}

/// How many candles of a series are in that state.
fn count(app: &TestApp, series: &str, state: CandleState) -> i64 {
    let series: Series = series.parse().unwrap();
    let book = app.app.books.get(&series).unwrap();
    let due = app.due(&series);
    book.with_ledger(|ledger| {
        let all = Window::new(ledger.origin(), due);
        let states = ledger.states(all);
        let of_state = states.iter().filter(|run| run.value == state);
        of_state.map(|run| run.window.candles(series.timeframe)).sum()
    })
}

#[tokio::test]
async fn candles_of_three_providers_settle_and_are_the_markets_whatever_goes_wrong() {
    let app = TestApp::with(Setup {
        // A Wednesday, an hour into the session of New York.
        now: "2024-03-06T15:30:30Z",
        assets: "BTCUSD,EURUSD,IBM",
        timeframes: "1m,5m,15m,1h,4h,1d",
        history: "3d",
        settings: EACH_ITS_OWN,
        ..Setup::default()
    })
    .await;
    app.set_faults(&FAULTS);
    app.settle().await;
    let found = examined(&app).await;
    assert!(found.agree > 11_000, "{found:?}");
    for series in ["coinbase/BTCUSD", "oanda/EURUSD", "alpha_vantage/IBM"] {
        for timeframe in ["1m", "5m", "15m", "1h", "4h", "1d"] {
            let series = format!("{series}/{timeframe}");
            assert!(count(&app, &series, CandleState::Final) > 0, "{series}");
            assert_eq!(count(&app, &series, CandleState::Missing), 0, "{series}");
        }
    }
    for provider in SimulatedProvider::ALL {
        let counters = app.exchange.counters(provider);
        assert!(counters.served > 20 && counters.faults.len() > 5, "{provider}: {counters:?}");
        assert_eq!(counters.refused, 0, "{provider}: nobody asks for what cannot be had");
    }
}

#[tokio::test]
async fn t13_a_weekend_that_repeats_friday_lands_nothing_and_is_no_outage() {
    let app = TestApp::with(Setup {
        // Friday, half an hour before New York closes.
        now: "2024-03-08T21:30:30Z",
        assets: "EURUSD",
        timeframes: "1m,1h",
        settings: &[("PROVIDERS__OANDA__TOKEN", "token"), ("PROVIDERS__OANDA__PRICE", "ask")],
        ..Setup::default()
    })
    .await;
    app.settle().await;
    app.clock.advance(seconds(3_600));
    app.settle().await;
    let landed = app.app.landed();
    app.set_faults(&["weekend_repeat=1"]);
    for _ in 0..20 {
        app.clock.advance(seconds(3_600));
        app.round().await;
    }
    assert_eq!(app.app.landed(), landed);
    let told = app.get("/v1/freshness").await.ok();
    for item in told["items"].as_array().unwrap() {
        assert_eq!(item["verdict"], "closed", "{item}");
    }
    // Closed hours are not asked about; whoever did would have Friday's candles refused.
    let series: Series = "oanda/EURUSD/1m".parse().unwrap();
    let oanda = app.app.providers.get(&series.provider).unwrap();
    let saturday =
        Window::of_candles("2024-03-09T12:00:00Z".parse().unwrap(), series.timeframe, 30);
    let batch = app.run(oanda.fetch(&series, saturday, Lane::Live)).await.unwrap();
    assert_eq!(batch.candles.len(), 5);
    let verdict = validate(batch, Calendar::FxWeek, TimeDelta::zero());
    assert!(verdict.valid.candles().is_empty());
    assert!(verdict.refused.iter().all(|letter| letter.expectation == "in_window"));
    app.set_faults(&[]);
    // Sunday evening, clocks having gone forward in New York.
    app.clock.set("2024-03-10T22:30:30Z".parse().unwrap());
    app.settle().await;
    assert!(app.app.landed() > landed + 60);
    examined(&app).await;
}

#[tokio::test]
async fn stamps_of_the_close_do_not_pass_for_stamps_of_the_open() {
    for assets in ["IBM", "EURUSD"] {
        let app = TestApp::with(Setup {
            now: "2024-03-06T15:30:30Z",
            assets,
            timeframes: "1m,5m",
            history: "3d",
            simulation: SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() },
            settings: &[
                ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
                ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
                ("PROVIDERS__ALPHA_VANTAGE__RETRIES", "0"),
            ],
        })
        .await;
        app.set_faults(&["close_stamped=1"]);
        for _ in 0..5 {
            app.round().await;
            app.clock.advance(seconds(60));
        }
        assert_eq!(app.app.landed(), 0, "{assets}");
        app.set_faults(&[]);
        app.settle().await;
        let found = examined(&app).await;
        assert!(found.agree > 1_000, "{found:?}");
    }
}

/// Whatever can be named in `[macro]`, and news, as the sandbox and the demo answer them.
#[tokio::test]
async fn every_feed_is_collected_from_the_simulated_alpha_vantage() {
    let settings = &[
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ("PROVIDERS__ALPHA_VANTAGE__LIMITS", "75/min"),
        ("NEWS__ASSETS", "BTCUSD,IBM"),
        (
            "MACRO__INDICATORS",
            "CPI,INFLATION,FEDERAL_FUNDS_RATE,UNEMPLOYMENT,REAL_GDP,REAL_GDP_PER_CAPITA,\
             TREASURY_YIELD_2Y,TREASURY_YIELD_10Y,RETAIL_SALES,DURABLES,NONFARM_PAYROLL",
        ),
    ];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    for indicator in Indicator::ALL {
        app.collect(&format!("alpha_vantage/macro/{indicator}")).await.unwrap();
        let told = app.get(&format!("/v1/macro?indicator={indicator}&limit=1000")).await.ok();
        let periods = told["items"].as_array().unwrap().len();
        assert!(periods > 8, "{indicator}: {told}");
    }
    let of = |told: &serde_json::Value| told["items"][0]["value"].as_f64().unwrap();
    let two = app.get("/v1/macro?indicator=TREASURY_YIELD_2Y&limit=1").await.ok();
    let ten = app.get("/v1/macro?indicator=TREASURY_YIELD_10Y&limit=1").await.ok();
    assert_ne!(of(&two), of(&ten), "each maturity has its own yield");
    for asset in ["BTCUSD", "IBM"] {
        app.collect(&format!("alpha_vantage/news/{asset}")).await.unwrap();
        let told = app.get(&format!("/v1/news?asset={asset}")).await.ok();
        assert_eq!(told["items"][0]["asset"], asset);
    }
}

/// The exchange's limits are strict and in its own time; the daemon keeps within them by itself.
#[tokio::test]
async fn a_free_key_is_never_refused_for_asking_too_often() {
    let app = TestApp::with(Setup {
        now: "2024-03-06T12:00:30Z",
        assets: "IBM,EURUSD,BTCUSD",
        timeframes: "1d",
        history: "60d",
        settings: &[
            ("INGEST__PROVIDERS", "alpha_vantage"),
            ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
            ("PROVIDERS__ALPHA_VANTAGE__LIMITS", "1/s,25/day"),
        ],
        ..Setup::default()
    })
    .await;
    let limits: Vec<Limit> = ["1/s", "25/day"].map(|limit| limit.parse().unwrap()).to_vec();
    app.exchange.set_limits(SimulatedProvider::AlphaVantage, &limits);
    for _ in 0..4 * 24 {
        app.round().await;
        app.clock.advance(seconds(900));
    }
    let counters = app.exchange.counters(SimulatedProvider::AlphaVantage);
    assert_eq!((counters.throttled, counters.most["1/s"]), (0, 1), "{counters:?}");
    assert!(counters.most["25/day"] <= 25 && counters.served > 5, "{counters:?}");
    let found = examined(&app).await;
    assert!(found.agree > 100, "{found:?}");
}

#[tokio::test]
async fn an_account_that_is_off_is_found_and_audited_by_its_own_measure() {
    let off = [(SimulatedProvider::AlphaVantage, 40)].into();
    let app = TestApp::with(Setup {
        now: "2024-03-06T15:30:30Z",
        assets: "EURUSD",
        timeframes: "1h",
        history: "2d",
        simulation: SimulationConfig { divergence_bps: off, ..SimulationConfig::default() },
        settings: &[
            ("INGEST__PROVIDERS", "oanda,alpha_vantage"),
            ("INGEST__KEEP", "all"),
            ("PROVIDERS__OANDA__TOKEN", "token"),
            ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
            ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ],
    })
    .await;
    app.settle().await;
    let told = app.get("/v1/findings?asset=EURUSD&limit=1000").await.ok();
    let findings = told["items"].as_array().unwrap();
    assert!(findings.len() > 30, "{told}");
    for finding in findings {
        let bps = finding["bps"].as_f64().unwrap();
        assert!((38.0..42.0).contains(&bps), "{finding}");
    }
    examined(&app).await;
}

/// Alpha Vantage tells of coins in whole ones, and of the running day next to nothing.
#[tokio::test]
async fn crypto_by_alpha_vantage_is_audited_as_it_is_told() {
    let app = TestApp::with(Setup {
        now: "2024-03-06T15:30:30Z",
        assets: "SOLUSD",
        timeframes: "1m,1h,1d",
        history: "5d",
        simulation: SimulationConfig { revised: 0.1, ..SimulationConfig::default() },
        settings: &[
            ("INGEST__PROVIDERS", "alpha_vantage"),
            ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
            ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ],
    })
    .await;
    app.settle().await;
    for _ in 0..10 {
        app.clock.advance(seconds(60));
        app.round().await;
    }
    let found = examined(&app).await;
    assert!(found.agree > 7_000 && found.revised_since < 20, "{found:?}");
}

/// Alpha Vantage gives a month of the hours of currencies, whatever is asked for.
#[tokio::test]
async fn what_can_no_longer_be_had_after_a_long_outage_is_not_asked_for_again_and_again() {
    let app = TestApp::with(Setup {
        now: "2024-03-06T15:30:30Z",
        assets: "EURUSD",
        timeframes: "1h,4h",
        history: "3d",
        settings: &[
            ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
            ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ],
        ..Setup::default()
    })
    .await;
    app.settle().await;
    app.clock.advance(TimeDelta::days(50));
    app.settle().await;
    let asked = app.exchange.counters(SimulatedProvider::AlphaVantage).requests;
    for _ in 0..10 {
        app.clock.advance(seconds(60));
        app.round().await;
    }
    let asked_since = app.exchange.counters(SimulatedProvider::AlphaVantage).requests - asked;
    assert!(asked_since <= 20, "{asked_since} requests in ten minutes");
    for series in ["alpha_vantage/EURUSD/1h", "alpha_vantage/EURUSD/4h"] {
        assert!(count(&app, series, CandleState::Waived) > 50, "{series}");
        let owed = [CandleState::Missing, CandleState::Pending].map(|of| count(&app, series, of));
        assert_eq!(owed, [0, 0], "{series}");
    }
    examined(&app).await;
}
