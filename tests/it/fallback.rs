//! Somebody stands in: who, for what, how long, and what becomes of it when the preferred provider
//! is back.

use std::collections::BTreeSet;

use barkeep::{
    market::{CandleState, Series, Timeframe, Window},
    simulate::{Fault, SimulatedProvider, SimulationConfig, audit},
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use serde_json::Value;

use crate::support::test_app::{Setup, TestApp, seconds};

const PREFERRED: &str = "alpha_vantage/BTCUSD/1m";
const STAND_IN: &str = "coinbase/BTCUSD/1m";

const SETTINGS: &[(&str, &str)] = &[
    ("INGEST__PROVIDERS", "alpha_vantage,coinbase"),
    ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
    ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
    ("PROVIDERS__ALPHA_VANTAGE__RETRIES", "0"),
];

/// Hanging up takes real time.
const HASTY: &[(&str, &str)] = &[("PROVIDERS__ALPHA_VANTAGE__REQUEST_TIMEOUT", "4s")];

/// Whatever Alpha Vantage does instead of giving candles.
const SILENT: [Fault; 14] = [
    Fault::Hang,
    Fault::ServerError,
    Fault::Unavailable,
    Fault::Html,
    Fault::Note,
    Fault::Information,
    Fault::Burst,
    Fault::DayQuota,
    Fault::BadKey,
    Fault::Premium,
    Fault::EmptyObject,
    Fault::CloseStamped,
    Fault::Torn,
    Fault::Empty,
];

/// Both tell of a market that trades all the time; Coinbase is off by more than is tolerated.
async fn open(assets: &'static str, settings: &'static [(&'static str, &'static str)]) -> TestApp {
    let simulation = SimulationConfig {
        no_trade: 0.0,
        revised: 0.0,
        divergence_bps: [(SimulatedProvider::Coinbase, 40)].into(),
        ..SimulationConfig::default()
    };
    TestApp::with(Setup { assets, history: "2h", simulation, settings, ..Setup::default() }).await
}

async fn tick(app: &TestApp) {
    app.clock.advance(seconds(60));
    app.round().await;
}

fn set_fault(app: &TestApp, fault: Fault) {
    app.set_faults(&[&format!("alpha_vantage:{}=1", fault.name())]);
}

/// The open times of a series that are in a state.
fn in_state(app: &TestApp, series: &str, state: CandleState) -> BTreeSet<DateTime<Utc>> {
    let series: Series = series.parse().unwrap();
    let Some(book) = app.app.books.get(&series) else { return BTreeSet::new() };
    let due = app.due(&series);
    let states = book.with_ledger(|ledger| {
        ledger.states(Window::new(ledger.origin(), due.max(ledger.origin())))
    });
    let runs = states.into_iter().filter(|run| run.value == state);
    runs.flat_map(|run| run.window.open_times(Timeframe::M1).collect::<Vec<_>>()).collect()
}

fn stand_ins(app: &TestApp) -> u64 {
    app.app.metrics.stand_ins.with_label_values(&["alpha_vantage", "coinbase"]).get()
}

fn asked(app: &TestApp, provider: SimulatedProvider) -> u64 {
    app.exchange.counters(provider).requests
}

/// Who serves the asset, how fresh, and its newest candle, by both routes.
async fn served(app: &TestApp) -> (Value, Value) {
    let told = app.get("/v1/candles?asset=BTCUSD&timeframe=1m&limit=5").await.ok();
    let duty = app.get("/v1/freshness?asset=BTCUSD&timeframe=1m&on_duty=true").await.ok();
    let items = duty["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{duty}");
    assert_eq!(items[0]["series"], told["series"], "both routes name the same one");
    assert_eq!(items[0]["verdict"], told["verdict"]);
    let newest = told["candles"].as_array().unwrap().last().unwrap();
    assert_eq!(items[0]["last_candle"], newest["open_time"]);
    (told["series"].clone(), told["verdict"].clone())
}

async fn is_served_by(app: &TestApp, series: &str) -> bool {
    served(app).await == (series.into(), "fresh".into())
}

/// The fault ends; the preferred provider is asked again as soon as it may be.
async fn return_to_duty(app: &TestApp) {
    app.set_faults(&[]);
    let mut refusals = 0;
    while let Err(error) = app.poll(PREFERRED).await {
        refusals += 1;
        assert!(refusals < 3, "{error}");
        app.clock.set(error.until().unwrap());
    }
    app.settle().await;
}

/// From the first minute without candles to what is left of it afterwards.
async fn stands_in(fault: Fault) {
    let name = fault.name();
    let haste = if fault == Fault::Hang { HASTY } else { &[] };
    let app = open("BTCUSD", [SETTINGS, haste].concat().leak()).await;
    app.settle().await;
    assert!(is_served_by(&app, PREFERRED).await, "{name}");
    assert_eq!(asked(&app, SimulatedProvider::Coinbase), 0, "{name}");

    set_fault(&app, fault);
    let began = app.due(&PREFERRED.parse().unwrap());
    tick(&app).await;
    // An answer without candles is no failure: it counts once the series is stale by it.
    assert_eq!(stand_ins(&app) > 0, fault != Fault::Empty, "{name}");
    for _ in 0..8 {
        tick(&app).await;
        assert_eq!(served(&app).await.1, "fresh", "{name}: somebody answers all the time");
    }
    assert!(is_served_by(&app, STAND_IN).await, "{name}");
    let stood_in = in_state(&app, STAND_IN, CandleState::Final);
    assert!(stood_in.len() >= 8 && stood_in.first() >= Some(&began), "{name}: {stood_in:?}");
    let preferred = in_state(&app, PREFERRED, CandleState::Final);
    assert!(preferred.is_disjoint(&stood_in), "{name}: a row never changes hands");

    return_to_duty(&app).await;
    let handed_over = stand_ins(&app);
    for _ in 0..3 {
        tick(&app).await;
    }
    assert!(is_served_by(&app, PREFERRED).await, "{name}");
    assert_eq!(stand_ins(&app), handed_over, "{name}: nobody stands in any more");
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean(), "{name}: {found:?}");
    let stood_in = in_state(&app, STAND_IN, CandleState::Final);
    let preferred = in_state(&app, PREFERRED, CandleState::Final);
    assert!(preferred.is_superset(&stood_in), "{name}: what was missed is there by now");
    assert_eq!(compared(&app).await, stood_in, "{name}");
}

/// Some of them wait for real time to pass.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn whatever_the_preferred_provider_does_not_give_the_next_one_does() {
    stream::iter(SILENT).for_each_concurrent(AT_ONCE, stands_in).await;
}

/// The candles on which the two are found to differ.
async fn compared(app: &TestApp) -> BTreeSet<DateTime<Utc>> {
    let told = app.get("/v1/findings?check=provider_divergence&asset=BTCUSD&limit=1000").await.ok();
    let findings = told["items"].as_array().unwrap();
    let labels = ["provider_divergence", "alpha_vantage", "coinbase"];
    let observed = app.app.metrics.divergence_bps.with_label_values(&labels).get_sample_count();
    assert!(observed >= findings.len() as u64, "{observed}: {told}");
    let open_time = |finding: &Value| {
        assert_eq!((&finding["series"], &finding["other"]), (&PREFERRED.into(), &STAND_IN.into()));
        let bps = finding["bps"].as_f64().unwrap();
        assert!((38.0..42.0).contains(&bps), "{finding}");
        finding["open_time"].as_str().unwrap().parse().unwrap()
    };
    findings.iter().map(open_time).collect()
}

/// The rows say whose they are, and a stand-in answers for its own time only.
#[tokio::test]
async fn who_stands_in_owes_nothing_from_before_and_the_preferred_one_is_asked_at_every_tick() {
    let app = open("BTCUSD", SETTINGS).await;
    app.settle().await;
    let mut between = BTreeSet::new();
    for outage in 1..=2 {
        set_fault(&app, Fault::Premium);
        for attempts in 1..=7 {
            let before = asked(&app, SimulatedProvider::AlphaVantage);
            tick(&app).await;
            assert!(asked(&app, SimulatedProvider::AlphaVantage) > before, "asked at every tick");
            let book = app.app.books.get(&PREFERRED.parse().unwrap()).unwrap();
            let trouble = book.trouble().unwrap();
            assert_eq!(trouble.outcome, "not_in_plan");
            assert!(trouble.attempts >= attempts, "{trouble:?}");
        }
        assert!(is_served_by(&app, STAND_IN).await, "outage {outage}");
        for state in [CandleState::Missing, CandleState::Pending] {
            assert!(in_state(&app, STAND_IN, state).is_empty(), "outage {outage}: {state:?}");
        }
        if outage == 1 {
            return_to_duty(&app).await;
            let before = asked(&app, SimulatedProvider::Coinbase);
            let until = app.due(&STAND_IN.parse().unwrap());
            for _ in 0..9 {
                tick(&app).await;
            }
            assert_eq!(asked(&app, SimulatedProvider::Coinbase), before, "it is not on duty");
            let minutes = Window::new(until, app.due(&PREFERRED.parse().unwrap()));
            between.extend(minutes.open_times(Timeframe::M1));
        }
    }
    // The last three come again with whatever is asked for, to catch revisions.
    (0..3).for_each(|_| _ = between.pop_last());
    assert!(between.len() >= 5, "{between:?}");
    assert_eq!(in_state(&app, STAND_IN, CandleState::Waived), between);
    let told = app.get(&format!("/v1/coverage?series={STAND_IN}")).await.ok();
    assert_eq!(told["candles"]["waived"], between.len(), "{told}");
    for (series, whose) in [(STAND_IN, "coinbase"), (PREFERRED, "alpha_vantage")] {
        let landed = app.app.metrics.candles_landed.with_label_values(&[whose, "1m"]).get();
        assert_eq!(landed, in_state(&app, series, CandleState::Final).len() as u64, "{whose}");
    }
}

/// The circuit as operators see it: by name, and by number.
async fn circuit(app: &TestApp) -> (String, String) {
    let told = app.get("/v1/providers").await.ok();
    let providers = told["items"].as_array().unwrap();
    let vantage = providers.iter().find(|item| item["provider"] == "alpha_vantage").unwrap();
    let metrics = app.get("/metrics").await;
    let name = "barkeep_provider_circuit{provider=\"alpha_vantage\"} ";
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(name));
    (vantage["circuit"].as_str().unwrap().to_owned(), line.unwrap().to_owned())
}

fn is(name: &str, number: &str) -> (String, String) {
    (name.to_owned(), number.to_owned())
}

#[tokio::test]
async fn t22_a_provider_that_keeps_failing_is_asked_as_often_as_the_breaker_allows_and_no_more() {
    let app = open("BTCUSD", SETTINGS).await;
    app.settle().await;
    assert_eq!(circuit(&app).await, is("closed", "0"));
    set_fault(&app, Fault::ServerError);
    let before = asked(&app, SimulatedProvider::AlphaVantage);
    let mut until = app.now();
    for _ in 0..720 {
        let error = app.poll(PREFERRED).await.unwrap_err();
        until = error.until().unwrap_or(until);
        app.clock.advance(seconds(5));
    }
    // Five failures in the first seconds; then one probe after 30 s, 60 s, 120 s, … up to every ten
    // minutes, which are nine within the hour.
    assert_eq!(asked(&app, SimulatedProvider::AlphaVantage) - before, 5 + 9);
    let openings = app.app.metrics.circuit_openings.with_label_values(&["alpha_vantage"]).get();
    assert_eq!(openings, 1 + 9);
    assert_eq!(circuit(&app).await, is("open", "2"));

    app.clock.set(until);
    assert_eq!(circuit(&app).await, is("half_open", "1"));
    app.poll(PREFERRED).await.unwrap_err();
    assert_eq!(circuit(&app).await, is("open", "2"), "the probe has failed");
    return_to_duty(&app).await;
    assert_eq!(circuit(&app).await, is("closed", "0"));
    assert!(is_served_by(&app, PREFERRED).await);
}

#[tokio::test]
async fn an_asset_may_have_an_order_of_its_own() {
    let settings = &[
        ("INGEST__PROVIDERS", "alpha_vantage,coinbase"),
        ("INGEST__PROVIDERS_OF__BTCUSD", "coinbase,alpha_vantage"),
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ("PROVIDERS__COINBASE__RETRIES", "0"),
    ];
    let app = open("BTCUSD,ETHUSD", settings).await;
    app.settle().await;
    let kept = || async {
        let told = app.get("/v1/freshness?on_duty=true").await.ok();
        let items = told["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["series"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, ["alpha_vantage/ETHUSD/1m", "coinbase/BTCUSD/1m"]);
    app.set_faults(&["coinbase:unavailable=1"]);
    for _ in 0..8 {
        tick(&app).await;
    }
    assert_eq!(kept().await, ["alpha_vantage/BTCUSD/1m", "alpha_vantage/ETHUSD/1m"]);
    let handed = app.app.metrics.stand_ins.with_label_values(&["coinbase", "alpha_vantage"]).get();
    assert!(handed >= 8, "{handed}");
    assert_eq!(stand_ins(&app), 0, "nobody stands in for Alpha Vantage");
}
