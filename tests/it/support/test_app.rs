//! Daemon, exchange, store and lake in one process, with a clock that only the test moves.
//!
//! There is no scheduler and there are no workers: a test runs the jobs itself, in its own order.

mod answer;
mod clock;

use std::{collections::HashMap, future::Future, path::Path, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use barkeep::{
    app::{App, StartError},
    backfill,
    clock::Clock,
    config::Config,
    files::{ColumnMap, FileRequest},
    ingest::{Book, ImportSummary, Importer, IngestError, Policy},
    jobs::{self, JobSpec},
    market::{Series, Window},
    providers::{Lane, Origin},
    simulate::{self, FaultPlan, SimulatedExchange, SimulationConfig},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt;

pub(crate) use self::{answer::Answer, clock::SteppedClock};

/// What differs from test to test.
pub(crate) struct Setup {
    pub(crate) now: &'static str,
    pub(crate) assets: &'static str,
    pub(crate) timeframes: &'static str,
    pub(crate) history: &'static str,
    pub(crate) simulation: SimulationConfig,
    /// Further settings, by the names of environment variables without their prefix.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            // A Wednesday, half a minute into a minute.
            now: "2024-03-06T12:00:30Z",
            assets: "BTCUSD",
            timeframes: "1m",
            history: "8h",
            simulation: SimulationConfig::default(),
            settings: &[],
        }
    }
}

pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) exchange: Arc<SimulatedExchange>,
    pub(crate) folder: TempDir,
}

/// More rounds than any test needs: whoever gets there does not come to rest.
const MOST_ROUNDS: usize = 100;

impl TestApp {
    /// One asset in one timeframe, eight hours of history, nothing fetched yet.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        Self::with_settings(setup, &[]).await
    }

    /// With the control store at that URL, instead of a file in the folder.
    pub(crate) async fn with_store(setup: Setup, url: &str) -> Self {
        Self::with_settings(setup, &[("STORE__URL", url.to_owned())]).await
    }

    /// With settings that are not known before the test runs.
    pub(crate) async fn with_settings(setup: Setup, more: &[(&str, String)]) -> Self {
        Self::start_with(setup, more).await.unwrap()
    }

    /// Fails where the daemon does not start.
    pub(crate) async fn start_with(
        setup: Setup,
        more: &[(&str, String)],
    ) -> Result<Self, StartError> {
        let clock = Arc::new(SteppedClock::at(setup.now.parse().unwrap()));
        let exchange = Arc::new(SimulatedExchange::new(&setup.simulation, clock.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(simulate::serve(listener, exchange.clone(), std::future::pending()));
        let folder = tempfile::tempdir().unwrap();
        let config = config(&setup, folder.path(), &url, more);
        let app = App::start_with_clock(config, clock.clone()).await?;
        Ok(Self { app, clock, exchange, folder })
    }

    /// Waits for `future`; when it sleeps on the clock, time moves to its next wake-up.
    pub(crate) async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.clock.step() => {}
            }
        }
    }

    pub(crate) async fn poll(&self, series: &str) -> Result<(), IngestError> {
        self.work(&JobSpec::Poll(series.parse().unwrap())).await
    }

    pub(crate) async fn fill(&self, series: &str) -> Result<(), IngestError> {
        self.work(&JobSpec::Fill(series.parse().unwrap())).await
    }

    pub(crate) async fn collect(&self, feed: &str) -> Result<(), IngestError> {
        self.work(&JobSpec::Collect(feed.parse().unwrap())).await
    }

    /// The same daemon after a restart, with what is in its folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { app, clock, exchange, folder } = self;
        let config = app.config.clone();
        // What has begun ends first, as at any end but a kill.
        assert!(app.lifecycle.stop_and_wait(Duration::from_mins(1)).await);
        app.store.close().await;
        drop(app);
        let app = App::start_with_clock(config, clock.clone()).await.unwrap();
        backfill::take_up(&app).await.unwrap();
        Self { app, clock, exchange, folder }
    }

    async fn work(&self, job: &JobSpec) -> Result<(), IngestError> {
        self.run(jobs::run(&self.app, job)).await
    }

    /// Works like scheduler and workers would until nothing may be asked any more. Time moves on
    /// where an answer needs another one some time later; jobs may fail, as they may in life.
    pub(crate) async fn settle(&self) {
        for _ in 0..MOST_ROUNDS {
            self.round().await;
            match self.next_question() {
                None => return,
                Some(at) if at <= self.now() => {}
                Some(_) => self.clock.advance(self.app.config.ingest.reask_after),
            }
        }
        let owed = self.native_books().into_iter().map(|book| {
            let due = self.due(book.series());
            let gaps = book.with_ledger(|ledger| ledger.gaps(due));
            (book.series().to_string(), gaps, book.trouble())
        });
        panic!("after {MOST_ROUNDS} rounds this is still owed: {:#?}", owed.collect::<Vec<_>>());
    }

    /// Polls and fills every series once, and runs what that puts into the queue.
    pub(crate) async fn round(&self) {
        for book in self.native_books() {
            let _ = self.work(&JobSpec::Poll(book.series().clone())).await;
            let _ = self.work(&JobSpec::Fill(book.series().clone())).await;
        }
        for lane in Lane::ALL {
            while let Some(job) = self.app.queue.next(lane).now_or_never() {
                let _ = self.work(&job).await;
                self.app.queue.ended(&job);
            }
        }
    }

    fn native_books(&self) -> Vec<Arc<Book>> {
        let is_native =
            |book: &Arc<Book>| self.app.providers.offer(book.series()) == Some(Origin::Native);
        self.app.live_books().filter(is_native).collect()
    }

    fn next_question(&self) -> Option<DateTime<Utc>> {
        let policy = Policy::of_provider(&self.app.config.ingest);
        let question_at = |book: &Arc<Book>| book.question_at(self.due(book.series()), policy);
        self.native_books().iter().filter_map(question_at).min()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Candles of `series` that open before it have closed and settled.
    pub(crate) fn due(&self, series: &Series) -> DateTime<Utc> {
        self.app.closed_until(series, self.now())
    }

    /// `name=share` for every provider that knows it, `provider:name=share` for one.
    pub(crate) fn set_faults(&self, faults: &[&str]) {
        self.exchange.set_fault_plan(&FaultPlan::from_pairs(faults.iter().copied()).unwrap());
    }

    /// Brings a file of that name and text into the lake.
    pub(crate) async fn import(&self, name: &str, text: &str, series: &str) -> ImportSummary {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let importer = Importer {
            lander: self.app.lander.clone(),
            books: self.app.books.clone(),
            store: self.app.store.clone(),
        };
        let series = series.parse().unwrap();
        let map = ColumnMap::default();
        let request = FileRequest { path, series, map, received_at: self.now() };
        importer.import(&request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.command(Request::post(path), body).await
    }

    /// Sends JSON with what else the request says.
    pub(crate) async fn command(
        &self,
        request: axum::http::request::Builder,
        body: &serde_json::Value,
    ) -> Answer {
        let request = request.header("content-type", "application/json");
        self.raw(request, &body.to_string()).await
    }

    /// Sends whatever it is.
    pub(crate) async fn raw(&self, request: axum::http::request::Builder, body: &str) -> Answer {
        self.bytes(request, body.to_owned().into_bytes()).await
    }

    /// Like `raw`, with a body that need not be text.
    pub(crate) async fn bytes(
        &self,
        request: axum::http::request::Builder,
        body: Vec<u8>,
    ) -> Answer {
        let request = request.body(Body::from(body)).unwrap();
        let service = barkeep::api::service(self.app.clone());
        Answer::read(service.oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn send(&self, request: axum::http::request::Builder) -> Answer {
        self.raw(request, "").await
    }
}

/// `start=…&end=…` of a window.
pub(crate) fn query_of(window: Window) -> String {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!("start={}&end={}", text(window.start), text(window.end))
}

pub(crate) fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

/// So many that their even distance is no time at all.
pub(crate) const UNLIMITED: &str = "2000000000/s";

fn config(setup: &Setup, folder: &Path, url: &str, more: &[(&str, String)]) -> Config {
    let file = format!("sqlite:{}", folder.join("barkeep.db").display());
    let lake = folder.join("lake").display().to_string();
    let settings = [
        ("STORE__URL", &*file),
        ("LAKE__PATH", &lake),
        ("INGEST__ASSETS", setup.assets),
        ("INGEST__TIMEFRAMES", setup.timeframes),
        ("INGEST__HISTORY", setup.history),
        // A test that wants more than Coinbase gives the others their credentials.
        ("PROVIDERS__COINBASE__URL", url),
        ("PROVIDERS__OANDA__URL", url),
        ("PROVIDERS__ALPHA_VANTAGE__URL", url),
        ("PROVIDERS__COINBASE__IS_MOCK", "true"),
        ("PROVIDERS__OANDA__IS_MOCK", "true"),
        ("PROVIDERS__ALPHA_VANTAGE__IS_MOCK", "true"),
        ("LAKE__COMMIT_LINGER", "0s"),
        // Beside a store that can be shared; nobody beats here, and time moves on.
        ("REPLICA__NAME", "test"),
        ("REPLICA__LEASE", "365d"),
        // Waiting for a turn would move the clock by an amount that depends on the machine.
        ("PROVIDERS__COINBASE__LIMITS", UNLIMITED),
        ("PROVIDERS__OANDA__LIMITS", UNLIMITED),
        ("PROVIDERS__ALPHA_VANTAGE__LIMITS", UNLIMITED),
    ];
    let named = |(name, value): &(&str, &str)| (format!("BARKEEP__{name}"), (*value).to_owned());
    let mut environment: HashMap<_, _> = settings.iter().chain(setup.settings).map(named).collect();
    environment.extend(more.iter().map(|(name, value)| named(&(*name, &**value))));
    Config::from_layers(None, environment).unwrap()
}
