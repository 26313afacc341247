//! One lake, one exchange that survives every kill, and the examination at the end.

use std::{
    fs::{self, DirEntry},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use barkeep::{
    app::App,
    clock::{Clock, SystemClock},
    config::{Config, StoreUrl},
    ingest::{Book, closed_until},
    lake::{Lake, Table},
    market::{Series, Timeframe, Window},
    simulate::{self, Audit, FaultPlan, SimulatedExchange, SimulationConfig, audit},
    store::Store,
};
use chrono::{DateTime, TimeDelta, Utc};
use deltalake::{arrow::array::RecordBatch, delta_datafusion::DeltaSessionContext};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::daemon::{Daemon, Settings};

/// An ordinary bad day at the exchange.
pub(super) const FAULTS: [&str; 8] = [
    "empty=0.02",
    "throttle=0.02",
    "server_error=0.02",
    "torn=0.02",
    "lag=0.02",
    "drop_row=0.03",
    "duplicate_row=0.05",
    "shuffled=0.05",
];
/// A market minute is half a second.
const SPEED: f64 = 120.0;
/// Of real time: how long a replica keeps what it does not renew.
pub(super) const LEASE_SECONDS: f64 = 3.0;
/// Until everything is accounted for, holes being asked for several times.
const PATIENCE: Duration = Duration::from_mins(2);

/// A market and a folder for the lake and the store that daemons take turns with.
pub(super) struct Stage {
    folder: TempDir,
    clock: Arc<SystemClock>,
    pub(super) exchange: Arc<SimulatedExchange>,
    settings: Settings,
}

impl Stage {
    /// Opens the exchange; `history` is how far back candles are kept.
    pub(super) async fn open(seed: u64, history: &str) -> Self {
        // As in `main`: two TLS back ends are linked in, and one must be chosen.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let origin = SystemClock::real().now();
        let clock = Arc::new(SystemClock::scaled(origin, SPEED));
        let market = SimulationConfig {
            seed,
            no_trade: 0.005,
            revised: 0.02,
            ..SimulationConfig::default()
        };
        let exchange = Arc::new(SimulatedExchange::new(&market, clock.clone()));
        exchange.set_fault_plan(&FaultPlan::from_pairs(FAULTS).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(simulate::serve(listener, exchange.clone(), std::future::pending()));
        let path = |name: &str| folder.path().join(name).display().to_string();
        let settings = [
            ("STORE__URL", format!("sqlite:{}", path("barkeep.db"))),
            ("LAKE__PATH", path("lake")),
            ("LAKE__COMPACT_AFTER", "3".to_owned()),
            ("INGEST__ASSETS", "BTCUSD,ETHUSD".to_owned()),
            ("INGEST__HISTORY", history.to_owned()),
            ("INGEST__CHUNK_CANDLES", "300".to_owned()),
            ("PROVIDERS__COINBASE__URL", url),
            ("PROVIDERS__COINBASE__LIMITS", "2000/s".to_owned()),
            ("PROVIDERS__COINBASE__BURST", "100".to_owned()),
            ("PROVIDERS__COINBASE__IS_MOCK", "true".to_owned()),
            ("REPLICA__NAME", "stage".to_owned()),
            ("CLOCK__ORIGIN", origin.to_rfc3339()),
            ("CLOCK__SPEED", SPEED.to_string()),
        ];
        let settings =
            settings.map(|(key, value)| (format!("BARKEEP__{key}"), value)).into_iter().collect();
        Self { folder, clock, exchange, settings }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("barkeep.db")
    }

    pub(super) fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What all daemons have written to standard error.
    pub(super) fn read_log(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Changes a setting of the daemons to come.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(format!("BARKEEP__{key}"), value.to_owned());
    }

    /// Currencies of a second provider as well, and a store that several daemons can share.
    pub(super) fn share(&mut self, store: &str) {
        let url = self.settings["BARKEEP__PROVIDERS__COINBASE__URL"].clone();
        let lease = format!("{}s", LEASE_SECONDS * SPEED);
        for (key, value) in [
            ("STORE__URL", store),
            ("REPLICA__LEASE", &lease),
            ("BACKFILL__LEASE", &lease),
            ("INGEST__ASSETS", "BTCUSD,EURUSD"),
            ("INGEST__PROVIDERS", "coinbase,oanda"),
            ("PROVIDERS__OANDA__TOKEN", "token"),
            ("PROVIDERS__OANDA__URL", &url),
            ("PROVIDERS__OANDA__LIMITS", "2000/s"),
            ("PROVIDERS__OANDA__IS_MOCK", "true"),
        ] {
            self.set(key, value);
        }
    }

    /// A daemon under a name of its own.
    pub(super) fn spawn_as(&self, name: &str) -> Daemon {
        let mut settings = self.settings.clone();
        settings.insert("BARKEEP__REPLICA__NAME".to_owned(), name.to_owned());
        Daemon::spawn(&settings, &self.log())
    }

    /// Small chunks are for many commits to die in; from now on they are large.
    pub(super) fn hurry(&mut self) {
        self.set("INGEST__CHUNK_CANDLES", "90000");
    }

    pub(super) fn spawn(&self) -> Daemon {
        Daemon::spawn(&self.settings, &self.log())
    }

    /// Starts a daemon that dies when it passes `point` for the `count`th time.
    pub(super) fn spawn_doomed(&self, point: &str, count: u32) -> Daemon {
        let mut settings = self.settings.clone();
        settings.insert("BARKEEP_CRASH_AT".to_owned(), format!("{point}:{count}"));
        Daemon::spawn(&settings, &self.log())
    }

    /// Waits until a daemon has written `words`.
    pub(super) async fn logged(&self, words: &str) {
        let began = Instant::now();
        while !self.read_log().contains(words) {
            assert!(began.elapsed() < PATIENCE, "{words:?} is not in:\n{}", self.read_log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the logs hold so many commits.
    pub(super) async fn committed(&self, commits: usize) {
        let began = Instant::now();
        while self.commits() < commits {
            assert!(began.elapsed() < PATIENCE, "{} commits of {commits}", self.commits());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until all that had closed by now is accounted for, in every series.
    pub(super) async fn caught_up(&self, daemon: &mut Daemon) {
        let config = self.config();
        let now = self.clock.now();
        let is_accounted_for = |item: &Value| {
            let series: Series = item["series"].as_str().unwrap().parse().unwrap();
            let watermark: DateTime<Utc> = item["watermark"].as_str().unwrap().parse().unwrap();
            watermark >= closed_until(now, config.providers.coinbase.settle, series.timeframe)
        };
        let expected = config.ingest.assets.len() * config.ingest.timeframes.len();
        daemon
            .wait_until("/v1/watermarks", PATIENCE, |answer| {
                let items = answer["items"].as_array().unwrap();
                items.len() == expected && items.iter().all(is_accounted_for)
            })
            .await;
    }

    /// A daemon that nobody kills brings everything up to date and stops; then all is examined.
    pub(super) async fn examine(&mut self) -> Audit {
        self.hurry();
        let mut daemon = self.spawn();
        self.caught_up(&mut daemon).await;
        daemon.stop().await;
        self.examine_at_rest().await
    }

    /// Compares the lake with the market, and the store with the lake.
    pub(super) async fn examine_at_rest(&self) -> Audit {
        let app = self.open_at_rest().await;
        for book in app.live_books() {
            self.assert_every_candle_has_a_state(&book, app.settle(book.series()));
        }
        for table in app.lake.tables() {
            assert_revisions_are_sound(table).await;
        }
        let audit = audit(&app, self.exchange.market()).await.unwrap();
        assert!(audit.is_clean(), "{audit:?}");
        audit
    }

    /// Opens what daemons have left, of whom none panicked, and whose store knows what has landed.
    pub(super) async fn open_at_rest(&self) -> Arc<App> {
        let log = self.read_log();
        assert!(!log.contains("panicked at"), "a daemon panicked:\n{log}");
        let config = self.config();
        let store = Store::visit(&config.store_url).await.unwrap();
        let remembered = store.series().await.unwrap();
        store.close().await;
        let app = App::start_with_clock(config, self.clock.clone()).await.unwrap();
        for book in app.live_books() {
            let series = book.series();
            let landings = app.lake.candles(series.timeframe).landings(series).await.unwrap();
            let remembered = remembered.iter().find(|record| record.series == *series);
            let remembered = remembered.map_or(0, |record| record.landings);
            assert_eq!(remembered, landings, "{series}: store and lake count landings");
        }
        app
    }

    /// The states of a ledger add up to its candles.
    fn assert_every_candle_has_a_state(&self, book: &Book, settle: TimeDelta) {
        let timeframe = book.series().timeframe;
        let due = closed_until(self.clock.now(), settle, timeframe);
        book.with_ledger(|ledger| {
            let all = Window::new(ledger.origin(), due);
            let states = ledger.states(all);
            let counted: i64 = states.iter().map(|run| run.window.candles(timeframe)).sum();
            assert_eq!(counted, all.candles(timeframe), "{}", book.series());
        });
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn store_url(&self) -> StoreUrl {
        self.config().store_url
    }

    fn config(&self) -> Config {
        Config::from_layers(None, self.settings.clone()).unwrap()
    }

    /// Waits until so many data files lie in the lake, in a commit or not yet.
    pub(super) async fn written(&self, files: usize) {
        let began = Instant::now();
        while self.data_files() < files {
            assert!(began.elapsed() < PATIENCE, "{} files of {files}", self.data_files());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn data_files(&self) -> usize {
        fn below(folder: &Path) -> usize {
            let Ok(entries) = fs::read_dir(folder) else { return 0 };
            let count = |path: PathBuf| {
                if path.is_dir() {
                    below(&path)
                } else {
                    usize::from(path.extension().is_some_and(|end| end == "parquet"))
                }
            };
            entries.flatten().map(|entry| count(entry.path())).sum()
        }
        below(&self.lake())
    }

    /// How many commits the logs of all tables hold.
    pub(super) fn commits(&self) -> usize {
        let is_commit = |file: &DirEntry| file.path().extension().is_some_and(|end| end == "json");
        let commits_of = |timeframe| {
            let log = Lake::folder(&self.lake(), timeframe).join("_delta_log");
            fs::read_dir(log).unwrap().map(Result::unwrap).filter(is_commit).count()
        };
        Timeframe::ALL.into_iter().map(commits_of).sum()
    }
}

/// Revisions of a candle count up from 0, and each says something else than the one before.
async fn assert_revisions_are_sound(table: &Table) {
    let context = DeltaSessionContext::default().into_inner();
    let provider = table.snapshot().table_provider().await.unwrap();
    context.register_table("candles", provider).unwrap();
    let key = "asset_pair, source_provider, timestamp";
    let uncounted = format!(
        "select {key} from candles group by {key} \
         having count(*) <> max(revision) + 1 or min(revision) <> 0"
    );
    let repeated = "select a.timestamp from candles a join candles b \
         on a.asset_pair = b.asset_pair and a.source_provider = b.source_provider \
         and a.timestamp = b.timestamp and a.revision + 1 = b.revision \
         where a.open = b.open and a.high = b.high and a.low = b.low and a.close = b.close \
         and a.volume = b.volume";
    for sql in [uncounted.as_str(), repeated] {
        let found = context.sql(sql).await.unwrap().collect().await.unwrap();
        let rows: usize = found.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 0, "{}: {sql}: {found:?}", table.name());
    }
}

/// How long something took, for the line a test prints about itself.
pub(super) fn seconds_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}
