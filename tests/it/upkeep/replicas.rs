//! One replica maintains, the others go on: with handles from before, and what they have not read yet.

use std::collections::BTreeSet;

use barkeep::{
    lake::Lake,
    market::{CandleState, Series, Timeframe, Window},
    telemetry::Metrics,
};

use super::{BTC, age, assert_clean, bench, keep, minutes, table};
use crate::support::test_app::{TestApp, seconds};

const M1: &str = "raw_market_data_1m";

/// The lake as another replica has it open.
async fn other(app: &TestApp) -> Lake {
    Lake::open(&app.app.config.lake, &Metrics::new().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_replica_that_has_not_looked_for_long_finds_its_way_when_the_log_was_shortened() {
    let app = bench().await;
    let start = app.now();
    let series: Series = BTC.parse().unwrap();
    let (looking, counting) = (other(&app).await, other(&app).await);
    let was = looking.candles(Timeframe::M1).version();
    minutes(&app, start, 40).await;
    age(&app, 8);
    minutes(&app, start, 11).await;
    let done = keep(&app).await;
    keep(&app).await;
    assert!(done.oldest_version > was + 1, "{done:?}: what comes after {was} is gone");

    let newest = table(&app).version();
    let landings = table(&app).landings(&series).await.unwrap();
    let stale = counting.candles(Timeframe::M1);
    assert_eq!(stale.landings(&series).await.unwrap(), landings);
    assert_eq!(stale.version(), newest, "it has looked");

    let stale = looking.candles(Timeframe::M1);
    assert!(stale.look().await.unwrap(), "there is news");
    assert_eq!(stale.version(), newest);
    assert!(!stale.look().await.unwrap(), "and then there is none");
    let recent = Window::of_candles(app.due(&series) - seconds(3_600), Timeframe::M1, 60);
    let read = |lake: Lake| {
        let series = series.clone();
        async move { lake.candles(Timeframe::M1).candles(&series, recent).await.unwrap() }
    };
    assert_eq!(read(looking).await, read(app.app.lake.clone()).await);
}

#[tokio::test]
async fn what_somebody_has_not_read_yet_stays_in_the_log() {
    let app = bench().await;
    let start = app.now();
    minutes(&app, start, 40).await;
    // Another replica answers for this provider, and was last told so much.
    let slow: BTreeSet<_> = ["oanda".parse().unwrap()].into();
    app.app.store.record_landed(&[], (M1, 12), &slow).await.unwrap();
    age(&app, 30);
    minutes(&app, start, 11).await;
    let done = keep(&app).await;
    assert_eq!(done.oldest_version, 9, "the checkpoint below 12: {done:?}");
    let records = table(&app).records_after(12).await.unwrap();
    assert!(records.len() > 20, "{}", records.len());

    app.app.store.record_landed(&[], (M1, 40), &slow).await.unwrap();
    assert_eq!(keep(&app).await.oldest_version, 39);
    assert!(table(&app).records_after(40).await.is_ok());
    assert!(table(&app).records_after(12).await.is_err(), "these are gone");
}

/// With the store all is lost that says who has read what, until the rows have told it anew.
#[tokio::test]
async fn without_a_word_from_the_store_nothing_is_removed_from_the_log() {
    let app = bench().await;
    minutes(&app, app.now(), 15).await;
    age(&app, 30);
    let done = table(&app).maintain(None).await.unwrap();
    assert_eq!((done.entries_removed, done.oldest_version), (0, 0));
}

/// Nothing of ours lands there, but others commit.
#[tokio::test]
async fn what_others_commit_is_taken_in_although_nothing_lands_here() {
    let app = bench().await;
    let elsewhere = other(&app).await;
    let told = || async {
        let told = app.app.store.landed_versions(M1).await.unwrap();
        told.of(&"coinbase".parse().unwrap()).unwrap()
    };
    let before = told().await;
    for _ in 0..3 {
        elsewhere.candles(Timeframe::M1).compact_fully().await.unwrap();
    }
    table(&app).look().await.unwrap();
    let newest = table(&app).version();
    assert_eq!((told().await, newest), (before, before + 3));
    app.app.keeper.keep_up(&app.app.lander, 4).await;
    tokio::task::yield_now().await;
    assert_eq!(told().await, before, "that is not worth it yet");
    app.app.keeper.keep_up(&app.app.lander, 3).await;
    while table(&app).known().await < newest {
        tokio::task::yield_now().await;
    }
    assert_eq!(told().await, newest);
    app.clock.advance(seconds(60));
    app.poll(BTC).await.unwrap();
    assert_clean(&app).await;
}

/// It was idle since before the log was shortened, then took a provider over, as far as the store had
/// been told; what it knows of holes is not to be forgotten with its first landing.
#[tokio::test]
async fn a_replica_that_was_idle_lands_without_asking_the_log_for_what_is_gone() {
    let app = bench().await;
    let start = app.now();
    let book = app.app.books.get(&BTC.parse().unwrap()).unwrap();
    let holes = || {
        let window = Window::new(book.with_ledger(barkeep::market::Ledger::origin), start);
        let states = book.with_ledger(|ledger| ledger.states(window.align(Timeframe::M1)));
        let holes = states.into_iter().filter(|run| run.value == CandleState::NoTrade);
        holes.map(|run| run.window).collect::<Vec<_>>()
    };
    let known = holes();
    assert!(known.len() > 5, "{known:?}");
    let elsewhere = other(&app).await;
    for _ in 0..25 {
        elsewhere.candles(Timeframe::M1).compact_fully().await.unwrap();
    }
    let newest = elsewhere.candles(Timeframe::M1).version();
    let own: BTreeSet<_> = ["coinbase".parse().unwrap()].into();
    app.app.store.record_landed(&[], (M1, newest), &own).await.unwrap();
    age(&app, 8);
    let done = keep(&app).await;
    assert!(done.oldest_version > table(&app).known().await + 1, "{done:?}");

    app.clock.advance(seconds(60));
    app.poll(BTC).await.unwrap();
    assert_eq!(holes(), known);
    assert_clean(&app).await;
}
