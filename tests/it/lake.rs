//! What the lake and the ledgers withstand: repetition, revisions, compaction, faults of the disk.

use std::{fmt::Write, fs, path::PathBuf, process::Command, sync::Arc};

use barkeep::{
    clock::{Clock, ManualClock},
    lake::Lake,
    market::{CandleState, Series, Timeframe, Window},
    simulate::{self, SimulatedExchange, SimulationConfig, audit},
    telemetry::Metrics,
};

use crate::support::test_app::{Setup, TestApp, seconds};

const BTC: &str = "coinbase/BTCUSD/1m";

fn series() -> Series {
    BTC.parse().unwrap()
}

fn quiet(no_trade: f64, revised: f64) -> SimulationConfig {
    SimulationConfig { no_trade, revised, ..SimulationConfig::default() }
}

fn rows(app: &TestApp) -> u64 {
    let metrics = &app.app.metrics;
    metrics.candles_landed.with_label_values(&["coinbase", "1m"]).get()
}

async fn assert_clean(app: &TestApp) {
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean() && found.agree > 100, "{found:?}");
}

/// A provider whose time stands still while ours goes on.
#[tokio::test]
async fn t73_a_frozen_feed_goes_stale_and_is_not_taken_for_a_quiet_market() {
    let frozen = Arc::new(ManualClock::at("2024-03-06T12:00:30Z".parse().unwrap()));
    let exchange = SimulatedExchange::new(&quiet(0.0, 0.0), frozen as Arc<dyn Clock>);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulate::serve(listener, Arc::new(exchange), std::future::pending()));
    let settings = vec![("PROVIDERS__COINBASE__URL", &*url.leak())].leak();
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    for _ in 0..15 {
        app.poll(BTC).await.unwrap();
        app.clock.advance(seconds(60));
    }
    let told = app.get("/v1/freshness").await.ok();
    assert_eq!(told["items"][0]["verdict"], "stale", "{told}");
}

#[tokio::test]
async fn t22_a_revision_lands_beside_what_it_revises_and_nothing_else_lands_twice() {
    let app = TestApp::with(Setup { simulation: quiet(0.0, 0.5), ..Setup::default() }).await;
    app.settle().await;
    for _ in 0..40 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
    }
    let count =
        |counter: &prometheus::IntCounterVec| counter.with_label_values(&["coinbase", "1m"]).get();
    let revised = count(&app.app.metrics.candles_revised);
    assert!(revised > 10, "{revised}");
    assert!(count(&app.app.metrics.candles_unchanged) > 10);
    assert_clean(&app).await;
}

#[tokio::test]
async fn appends_and_the_compaction_of_another_replica_cost_each_other_nothing() {
    let app = TestApp::with(Setup { simulation: quiet(0.0, 0.3), ..Setup::default() }).await;
    app.settle().await;
    let metrics = Metrics::new().unwrap();
    let other = Lake::open(&app.app.config.lake, &metrics).await.unwrap();
    let table = other.candles(Timeframe::M1);
    let mut compactions = 0;
    for _ in 0..30 {
        app.clock.advance(seconds(60));
        table.look().await.unwrap();
        let (polled, compacted) = tokio::join!(app.poll(BTC), table.compact_fully());
        polled.unwrap();
        compactions += compacted.unwrap().len();
    }
    assert!(compactions > 10, "{compactions}");
    app.app.lake.candles(Timeframe::M1).look().await.unwrap();
    assert_clean(&app).await;
}

/// Whoever builds candles from a sampled stream misses some highs and lows; the provider's own candle
/// is a revision beside the one that came first.
#[tokio::test]
async fn t14_a_candle_built_from_a_stream_gives_way_to_the_providers_own() {
    let app = TestApp::with(Setup { simulation: quiet(0.0, 0.0), ..Setup::default() }).await;
    let sampled = "time,open,high,low,close,volume\n2024-03-06T11:57:00Z,2,3,1,2,1\n";
    assert_eq!(app.import("stream.csv", sampled, BTC).await.landed, 1);
    app.settle().await;
    let at = "2024-03-06T11:57:00Z".parse().unwrap();
    let only = Window::of_candles(at, Timeframe::M1, 1);
    let landed = app.app.lake.candles(Timeframe::M1).candles(&series(), only).await.unwrap();
    assert_eq!(landed.len(), 1, "one candle is read, the newest revision");
    assert_eq!(landed[0].revision, 1);
    assert!(landed[0].candle.open > 1_000.0, "the exchange's own: {:?}", landed[0].candle);
    assert_clean(&app).await;
}

#[tokio::test]
async fn t52_landing_the_same_again_after_many_commits_adds_nothing() {
    let app = TestApp::with(Setup { simulation: quiet(0.0, 0.0), ..Setup::default() }).await;
    let mut csv = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..30 {
        writeln!(csv, "2024-03-06T10:{minute:02}:00Z,2,3,1,2,1").unwrap();
    }
    assert_eq!(app.import("a.csv", &csv, "other/BTCUSD/1m").await.landed, 30);
    app.settle().await;
    for _ in 0..25 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
    }
    let again = app.import("a.csv", &csv, "other/BTCUSD/1m").await;
    assert_eq!((again.landed, again.unchanged), (0, 30));
    assert_eq!(app.app.lake.candles(Timeframe::M1).duplicates().await.unwrap(), 0);
}

#[tokio::test]
async fn t36_t51_a_hundred_ticks_leave_few_files_and_no_growing_state() {
    let settings = &[("LAKE__COMPACT_AFTER", "8")];
    let simulation = quiet(0.0, 0.0);
    let app = TestApp::with(Setup { simulation, settings, ..Setup::default() }).await;
    app.settle().await;
    for _ in 0..100 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
    }
    let table = app.app.lake.candles(Timeframe::M1);
    // A compaction may be under way; whatever it leaves is merged by asking once more.
    while table.compact().await.unwrap().is_some() {}
    let snapshot = table.snapshot();
    let files = snapshot.snapshot().unwrap().log_data().num_files();
    assert!(files < 32, "{files} files");
    let book = app.app.books.get(&series()).unwrap();
    assert_eq!(book.with_ledger(|ledger| ledger.all_facts().count()), 1, "one run says it all");
    assert_clean(&app).await;
}

#[tokio::test]
async fn t44_compaction_beside_appends_and_readers_loses_nothing() {
    let app = TestApp::with(Setup { simulation: quiet(0.02, 0.1), ..Setup::default() }).await;
    app.settle().await;
    let table = app.app.lake.candles(Timeframe::M1).clone();
    for _ in 0..12 {
        app.clock.advance(seconds(60));
        let until = app.due(&series());
        let recent = Window::of_candles(until - Timeframe::M1.duration() * 60, Timeframe::M1, 60);
        let name = series();
        let (polled, compacted, read) =
            tokio::join!(app.poll(BTC), table.compact_fully(), table.candles(&name, recent),);
        polled.unwrap();
        compacted.unwrap();
        assert!(read.unwrap().len() > 30, "a reader always sees a whole table");
    }
    assert_clean(&app).await;
}

/// Both begin with the same files, and the second to end finds them gone.
#[tokio::test(flavor = "multi_thread")]
async fn t44_two_compactions_at_once_do_not_double_a_row() {
    let app = TestApp::with(Setup { simulation: quiet(0.0, 0.0), ..Setup::default() }).await;
    app.settle().await;
    let table = app.app.lake.candles(Timeframe::M1).clone();
    for _ in 0..6 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
        let (one, two) = tokio::join!(table.compact_fully(), table.compact_fully());
        let done = one.unwrap().len() + two.unwrap().len();
        assert!(done >= 1, "somebody has done it");
        assert_eq!(table.duplicates().await.unwrap(), 0);
    }
    assert_clean(&app).await;
}

/// Something is in the way of the data files, as a full or failing disk would be.
#[tokio::test]
async fn t55_what_could_not_be_written_lands_once_the_disk_is_well() {
    let app = TestApp::with(Setup { simulation: quiet(0.0, 0.0), ..Setup::default() }).await;
    let obstacle = Lake::folder(&app.app.config.lake.path, Timeframe::M1).join("date=2024-03-01");
    fs::write(&obstacle, b"in the way").unwrap();
    app.poll(BTC).await.unwrap_err();
    let book = app.app.books.get(&series()).unwrap();
    assert!(book.trouble().is_some(), "the API tells");
    assert_eq!(book.with_ledger(|ledger| ledger.all_facts().count()), 0, "nothing is claimed");
    fs::remove_file(&obstacle).unwrap();
    app.settle().await;
    assert!(book.trouble().is_none() && rows(&app) > 400);
    assert_clean(&app).await;
}

#[tokio::test]
async fn t39_t42_one_series_says_nothing_about_another() {
    let app = TestApp::with(Setup { assets: "BTCUSD,ETHUSD", ..Setup::default() }).await;
    app.poll(BTC).await.unwrap();
    let other = app.app.books.get(&"coinbase/ETHUSD/1m".parse().unwrap()).unwrap();
    let due = app.due(other.series());
    let states = other.with_ledger(|l| l.states(Window::new(l.origin(), due)));
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].value, CandleState::Pending);
}

/// A control store that cannot be read stops the start, and says what to do; the lake rebuilds it.
#[test]
fn t54_a_damaged_store_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let store: PathBuf = folder.path().join("barkeep.db");
    fs::write(&store, b"this is no database, whatever its name says ........").unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_barkeep"))
        .arg("serve")
        .env("BARKEEP__STORE__URL", format!("sqlite:{}", store.display()))
        .env("BARKEEP__LAKE__PATH", folder.path().join("lake"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success());
    assert!(told.contains("barkeep.db") && told.contains("move it away"), "{told}");
}

/// delta-rs has the slower of two creators overwrite the table of the faster, with another id.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_open_a_new_lake_at_once_open_the_same() {
    let app = TestApp::start().await;
    for round in 0..5 {
        let mut config = app.app.config.lake.clone();
        config.path = app.folder.path().join(format!("new-{round}"));
        let opening = (0..6).map(|_| {
            let config = config.clone();
            tokio::spawn(async move { Lake::open(&config, &Metrics::new().unwrap()).await })
        });
        let lakes = futures::future::join_all(opening).await;
        let lakes: Vec<Lake> = lakes.into_iter().map(|lake| lake.unwrap().unwrap()).collect();
        for timeframe in Timeframe::ALL {
            let table = |lake: &Lake| {
                let table = lake.candles(timeframe);
                (table.id().unwrap(), table.version())
            };
            assert_eq!(table(&lakes[0]).1, 0, "it was created once");
            assert!(lakes.iter().all(|lake| table(lake) == table(&lakes[0])), "{timeframe}");
        }
    }
}
