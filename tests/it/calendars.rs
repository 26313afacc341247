//! A market that is closed owes nothing, and one that ought to be open does.

use barkeep::{
    market::{CandleState, Series, Window},
    simulate::{SimulatedProvider, SimulationConfig, audit},
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::support::test_app::{Setup, TestApp};

const IBM: &str = "alpha_vantage/IBM/1m";
const AAPL: &str = "alpha_vantage/AAPL/1m";
const EURUSD: &str = "oanda/EURUSD/1m";

/// Every minute is traded, so that each of them is owed.
async fn open(
    assets: &'static str,
    now: &'static str,
    more: &[(&'static str, &'static str)],
) -> TestApp {
    open_market(assets, now, more, 0.0).await
}

/// A market in which that share of minutes is not traded.
async fn open_market(
    assets: &'static str,
    now: &'static str,
    more: &[(&'static str, &'static str)],
    no_trade: f64,
) -> TestApp {
    let settings: &[(&str, &str)] = &[
        ("INGEST__PROVIDERS", "oanda,alpha_vantage"),
        ("PROVIDERS__OANDA__TOKEN", "token"),
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
    ];
    let settings = [settings, more].concat().leak();
    let simulation = SimulationConfig { no_trade, ..SimulationConfig::default() };
    let app = TestApp::with(Setup {
        now,
        assets,
        history: "2h",
        simulation,
        settings,
        ..Setup::default()
    })
    .await;
    app.settle().await;
    app
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn requests(app: &TestApp) -> u64 {
    SimulatedProvider::ALL.map(|provider| app.exchange.counters(provider).requests).iter().sum()
}

async fn verdict(app: &TestApp, series: &str) -> String {
    let told = app.get(&format!("/v1/freshness?series={series}")).await.ok();
    told["items"][0]["verdict"].as_str().unwrap().to_owned()
}

/// How many candles of `window` are in each of these states.
fn count<const N: usize>(
    app: &TestApp,
    series: &str,
    window: Window,
    states: [CandleState; N],
) -> [i64; N] {
    let series: Series = series.parse().unwrap();
    let book = app.app.books.get(&series).unwrap();
    let runs = book.with_ledger(|ledger| ledger.states(window));
    states.map(|state| {
        let of_state = runs.iter().filter(|run| run.value == state);
        of_state.map(|run| run.window.candles(series.timeframe)).sum()
    })
}

/// Looks in every `step` until `until`, and says how the series was each time.
async fn pass(app: &TestApp, series: &str, until: &str, step: TimeDelta) -> Vec<String> {
    let mut verdicts = Vec::new();
    while app.now() + step < at(until) {
        app.clock.advance(step);
        app.round().await;
        verdicts.push(verdict(app, series).await);
    }
    verdicts
}

/// Closed from one instant to the other: nothing is asked, owed or landed, and the next session
/// begins as if nothing had happened.
async fn rests(app: &TestApp, series: &str, from: &str, until: &str) {
    let name: Series = series.parse().unwrap();
    app.clock.set(at(from));
    // The last candles may want confirming.
    app.settle().await;
    assert_eq!(verdict(app, series).await, "closed", "{series} at {from}");
    let (asked, landed) = (requests(app), app.app.landed());
    let verdicts = pass(app, series, until, TimeDelta::minutes(30)).await;
    assert!(verdicts.len() > 40 && verdicts.iter().all(|it| it == "closed"), "{verdicts:?}");
    assert_eq!((requests(app), app.app.landed()), (asked, landed), "{series}");
    let book = app.app.books.get(&name).unwrap();
    assert!(book.with_ledger(|ledger| ledger.gaps(app.due(&name))).is_empty(), "{series}");

    app.clock.set(at(until) + TimeDelta::seconds(60 * 20 + 30));
    assert_eq!(verdict(app, series).await, "stale", "{series} is open again");
    app.settle().await;
    assert_eq!(verdict(app, series).await, "fresh", "{series}");
    assert!(app.app.landed() > landed + 10, "{series}");
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean() && found.agree > 100, "{found:?}");
}

#[tokio::test]
async fn t13_good_friday_and_the_weekend_after_it_are_closed_for_shares() {
    let app = open("IBM", "2024-03-28T19:30:30Z", &[]).await;
    assert_eq!(verdict(&app, IBM).await, "fresh");
    rests(&app, IBM, "2024-03-28T20:03:30Z", "2024-04-01T13:30:00Z").await;
}

#[tokio::test]
async fn t13_a_weekend_is_closed_for_currencies_and_good_friday_is_not() {
    let app = open("EURUSD", "2024-03-29T15:30:30Z", &[]).await;
    assert_eq!(verdict(&app, EURUSD).await, "fresh", "Good Friday");
    rests(&app, EURUSD, "2024-03-29T21:01:30Z", "2024-03-31T21:00:00Z").await;
}

/// The session of New York on Tuesday 5 March 2024.
fn tuesday() -> Window {
    Window::new(at("2024-03-05T14:30:00Z"), at("2024-03-05T21:00:00Z"))
}

#[tokio::test]
async fn a_session_without_any_candle_is_owed_until_it_comes() {
    let app = open("IBM", "2024-03-04T20:30:30Z", &[]).await;
    app.clock.set(at("2024-03-05T14:20:30Z"));
    app.settle().await;
    assert_eq!(verdict(&app, IBM).await, "closed");
    app.set_faults(&["empty=1"]);
    let landed = app.app.landed();
    let verdicts = pass(&app, IBM, "2024-03-05T14:37:00Z", TimeDelta::minutes(1)).await;
    assert_eq!(verdicts[7..11], ["closed", "closed", "fresh", "fresh"], "{verdicts:?}");
    let verdicts = pass(&app, IBM, "2024-03-06T14:00:00Z", TimeDelta::minutes(15)).await;
    assert!(verdicts[1..].iter().all(|verdict| verdict == "stale"), "{verdicts:?}");
    assert_eq!(app.app.landed(), landed);
    let states = [CandleState::Missing, CandleState::Pending, CandleState::NoTrade];
    let [missing, pending, no_trade] = count(&app, IBM, tuesday(), states);
    assert_eq!((missing + pending, no_trade), (390, 0), "the whole day is owed");

    app.set_faults(&[]);
    app.settle().await;
    assert_eq!(verdict(&app, IBM).await, "closed", "the next session is yet to come");
    let states = [CandleState::Final, CandleState::NoTrade, CandleState::Missing];
    let [landed, no_trade, missing] = count(&app, IBM, tuesday(), states);
    assert_eq!((landed, no_trade, missing), (390, 0, 0));
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean() && found.agree > 400, "{found:?}");
}

#[tokio::test]
async fn a_session_that_the_settings_close_is_neither_asked_for_nor_owed() {
    let closed = [("CALENDARS__EQUITY_CLOSED", "2024-03-05")];
    let app = open("IBM", "2024-03-04T20:30:30Z", &closed).await;
    app.clock.set(at("2024-03-04T21:03:30Z"));
    app.settle().await;
    let asked = requests(&app);
    let verdicts = pass(&app, IBM, "2024-03-06T14:30:00Z", TimeDelta::minutes(30)).await;
    assert!(verdicts.iter().all(|verdict| verdict == "closed"), "{verdicts:?}");
    assert_eq!(requests(&app), asked);
    assert_eq!(count(&app, IBM, tuesday(), [CandleState::MarketClosed]), [390]);
    app.clock.set(at("2024-03-06T14:50:30Z"));
    app.settle().await;
    assert_eq!(verdict(&app, IBM).await, "fresh", "Wednesday is a day like any other");
}

/// An answer without candles right after the open lacks those of the day before, so it proves
/// nothing; the first one that has some is only the first of three.
#[tokio::test]
async fn t73_empty_answers_after_the_open_do_not_count_towards_no_trade() {
    let app = open_market("AAPL", "2024-03-04T20:30:30Z", &[], 0.1).await;
    app.clock.set(at("2024-03-05T14:20:30Z"));
    app.settle().await;
    assert_eq!(verdict(&app, AAPL).await, "closed", "Monday is complete");
    app.set_faults(&["empty=1"]);
    pass(&app, AAPL, "2024-03-05T15:20:00Z", TimeDelta::minutes(1)).await;
    app.set_faults(&[]);
    app.round().await;
    let states = [CandleState::Final, CandleState::Missing, CandleState::NoTrade];
    let [landed, missing, no_trade] = count(&app, AAPL, tuesday(), states);
    assert_eq!(no_trade, 0, "nothing is concluded from one answer");
    assert!(landed > 20 && missing > 0, "{landed} have come, {missing} have not");
    app.settle().await;
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean(), "{found:?}");
}
