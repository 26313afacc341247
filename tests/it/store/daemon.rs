//! A daemon whose store is a server: what it keeps is the market's, and survives the store.

use barkeep::simulate::{SimulationConfig, audit};

use super::execute;
use crate::support::{
    postgres::{Cluster, PASSWORD},
    test_app::{Setup, TestApp},
};

const FAULTS: [&str; 7] = [
    "empty=0.05",
    "server_error=0.05",
    "torn=0.05",
    "drop_row=0.05",
    "duplicate_row=0.05",
    "bad_row=0.05",
    "shuffled=0.05",
];

/// What is known of every series, as text.
fn ledgers(app: &TestApp) -> Vec<String> {
    let ledger = |book: std::sync::Arc<barkeep::ingest::Book>| {
        let due = app.due(book.series());
        let gaps = book.with_ledger(|ledger| ledger.gaps(due));
        format!("{} {} {gaps:?}", book.series(), book.landings())
    };
    app.app.live_books().map(ledger).collect()
}

async fn assert_clean(app: &TestApp, at_least: usize) {
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean() && found.agree >= at_least, "{found:?}");
}

#[tokio::test]
async fn candles_settle_and_a_store_that_was_lost_is_rebuilt_from_the_lake() {
    let cluster = Cluster::shared().await;
    let url = cluster.database().await;
    let simulation = SimulationConfig { no_trade: 0.01, ..SimulationConfig::default() };
    let (assets, timeframes) = ("BTCUSD,ETHUSD", "1m,15m,4h");
    let setup = Setup { assets, timeframes, simulation, ..Setup::default() };
    let app = TestApp::with_store(setup, &url).await;
    app.set_faults(&FAULTS);
    app.settle().await;
    assert_clean(&app, 900).await;
    assert!(app.app.store.dead_letter_count().await.unwrap() > 0);
    let known = ledgers(&app);

    let app = app.restart().await;
    assert_eq!(ledgers(&app), known);
    app.settle().await;
    assert_eq!(app.app.landed(), 0, "nothing lands twice");

    execute(&url, "drop schema public cascade; create schema public").await;
    let app = app.restart().await;
    app.settle().await;
    // Asking for the holes again took some minutes, in which something new has closed.
    assert!(app.app.landed() < 30, "{} landed anew", app.app.landed());
    assert_clean(&app, 900).await;
    app.app.store.close().await;
}

#[tokio::test]
async fn a_daemon_without_its_server_is_not_ready_and_works_on_when_it_is_back() {
    let cluster = Cluster::start().await;
    let url = cluster.database().await;
    let app = TestApp::with_store(Setup::default(), &url).await;
    app.settle().await;
    assert_eq!(app.get("/readyz").await.status, 200);
    cluster.stop();
    let answer = app.get("/readyz").await;
    assert_eq!((answer.status.as_u16(), &answer.json["code"]), (503, &"unavailable".into()));
    assert!(!answer.text().contains(PASSWORD), "{}", answer.text());
    app.clock.advance(chrono::TimeDelta::minutes(2));
    // The rows land, but the store is not told.
    app.poll("coinbase/BTCUSD/1m").await.unwrap_err();
    assert_eq!(app.get("/v1/freshness?series=coinbase/BTCUSD/1m").await.status, 200);
    cluster.resume().await;
    assert_eq!(app.get("/readyz").await.status, 200);
    let before = ledgers(&app);
    // Another process would take up what the store was not told from the lake.
    let app = app.restart().await;
    assert_eq!(ledgers(&app), before);
    app.settle().await;
    assert_clean(&app, 400).await;
    app.app.store.close().await;
}
