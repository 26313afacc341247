//! A daemon without a heartbeat and an exchange to feed it, on one hand-moved clock.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use barkeep::{
    app::App,
    clock::ManualClock,
    config::Config,
    jobs::{self, JobSpec},
    market::Series,
    simulate::{self, SimulatedExchange, SimulationConfig},
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// `assets` simulated instruments and an address at which they are quoted.
pub(crate) struct Workload {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) exchange: Arc<SimulatedExchange>,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    assets: usize,
}

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("C{n:03}USD"))
}

/// The instant at which every measurement begins: the candles up to midnight have just settled.
pub(crate) fn midnight() -> DateTime<Utc> {
    "2026-01-02T00:01:15Z".parse().expect("an instant")
}

impl Workload {
    pub(crate) async fn start(assets: usize) -> Self {
        let clock = Arc::new(ManualClock::at(midnight()));
        let market = SimulationConfig {
            instruments: names(assets).map(|name| name.parse().expect("a name")).collect(),
            no_trade: 0.0,
            revised: 0.0,
            ..SimulationConfig::default()
        };
        let exchange = Arc::new(SimulatedExchange::new(&market, clock.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(simulate::serve(listener, exchange.clone(), std::future::pending()));
        let folder = TempDir::new().expect("a folder");
        Self { clock, exchange, address, folder, assets }
    }

    /// Starts a daemon on the workload's folder with these settings on top of the defaults.
    pub(crate) async fn app(&self, settings: &[(&str, &str)]) -> Arc<App> {
        let assets: Vec<String> = names(self.assets).collect();
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let mut environment: HashMap<String, String> = [
            ("STORE__URL", format!("sqlite:{}", at("barkeep.db"))),
            ("LAKE__PATH", at("lake")),
            ("INGEST__ASSETS", assets.join(",")),
            ("INGEST__TIMEFRAMES", "1m".to_owned()),
            ("PROVIDERS__COINBASE__URL", format!("http://{}", self.address)),
            // So many that their even distance is no time at all: nobody moves the clock meanwhile.
            ("PROVIDERS__COINBASE__LIMITS", "2000000000/s".to_owned()),
            ("PROVIDERS__COINBASE__BURST", "1000000".to_owned()),
        ]
        .map(|(name, value)| (format!("BARKEEP__{name}"), value))
        .into();
        environment
            .extend(settings.iter().map(|(n, v)| (format!("BARKEEP__{n}"), (*v).to_owned())));
        let config = Config::from_layers(None, environment).expect("valid settings");
        App::start_with_clock(config, self.clock.clone()).await.expect("a daemon")
    }
}

/// Runs a job for every live series, `at_once` at a time.
pub(crate) async fn run_all(app: &Arc<App>, at_once: usize, job: fn(Series) -> JobSpec) {
    let roster = app.roster();
    let jobs = roster.live().cloned().map(|series| {
        let app = app.clone();
        async move {
            let run = tokio::spawn(async move { jobs::run(&app, &job(series)).await });
            run.await.expect("no panic").expect("a job that works");
        }
    });
    stream::iter(jobs).buffer_unordered(at_once).collect::<Vec<()>>().await;
}
