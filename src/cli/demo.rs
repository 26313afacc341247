//! `barkeep demo`: providers and daemon in one process, living a minute in a second.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use tokio::{net::TcpListener, sync::oneshot};
use url::Url;

use crate::{
    app::App,
    clock::{Clock, SystemClock},
    config::{AuthMode, ClockConfig, Config, Limit, Plan, ProvidersConfig},
    market::ParseError,
    query::Verdict,
    serve::serve,
    simulate::{self, FaultPlan, SimulatedExchange, SimulatedProvider, SimulationConfig, audit},
};

/// Kill it at any moment and start it again: nothing is lost and nothing doubled.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where the demo keeps its lake; remove the folder to start over.
    #[arg(long, default_value = "data/demo")]
    data: PathBuf,
    /// How much faster than real time the market runs.
    #[arg(long, default_value_t = 60.0)]
    speed: f64,
    /// End by itself after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    run_for: Option<u64>,
    /// Where the daemon answers.
    #[arg(long, default_value = "127.0.0.1:8380")]
    bind: SocketAddr,
}

/// Crypto from Coinbase, euros from Oanda, shares from Alpha Vantage: the first who offers it.
const PROVIDERS: [&str; 3] = ["coinbase", "oanda", "alpha_vantage"];
const ASSETS: [&str; 5] = ["BTCUSD", "ETHUSD", "SOLUSD", "EURUSD", "IBM"];
const ALPHA_VANTAGE_LIMITS: [&str; 2] = ["75/min", "20/s"];
/// Providers on an ordinary bad day.
const FAULTS: [&str; 10] = [
    "empty=0.02",
    "server_error=0.01",
    "torn=0.01",
    "lag=0.02",
    "bad_row=0.01",
    "throttle=0.01",
    "oanda:late_complete=0.05",
    "alpha_vantage:note=0.01",
    "alpha_vantage:burst=0.02",
    "alpha_vantage:empty_object=0.01",
];

impl Demo {
    pub(super) async fn run(self, defaults: Config) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(
            self.bind.ip().is_loopback() || defaults.auth.mode == AuthMode::Keys,
            "{} is not loopback; for such an address set auth.mode = \"keys\"",
            self.bind
        );
        fs::create_dir_all(&self.data).context("the demo's folder cannot be created")?;
        let origin = self.origin()?;
        let clock = Arc::new(SystemClock::scaled(origin, self.speed));
        let exchange =
            Arc::new(SimulatedExchange::new(&SimulationConfig::default(), clock.clone()));
        exchange.set_fault_plan(&FaultPlan::from_pairs(FAULTS)?);
        exchange.set_limits(SimulatedProvider::AlphaVantage, &alpha_vantage_limits()?);
        let exchange_listener = TcpListener::bind("127.0.0.1:0").await?;
        let config = self.config(defaults, origin, exchange_listener.local_addr()?)?;
        let listener = TcpListener::bind(self.bind)
            .await
            .with_context(|| format!("{} is taken; choose another with --bind", self.bind))?;
        let app = App::start_with_clock(config, clock).await?;
        self.greet(listener.local_addr()?);
        let (stop_exchange, exchange_stopped) = oneshot::channel::<()>();
        let market = exchange.clone();
        let trading = simulate::serve(exchange_listener, exchange, async {
            let _ = exchange_stopped.await;
        });
        app.lifecycle.spawn_detached(async {
            if let Err(error) = trading.await {
                tracing::error!(%error, "the simulated providers failed");
            }
        });
        app.lifecycle.spawn(report(app.clone()));
        serve(app.clone(), listener, Box::pin(self.stop())).await?;
        drop(stop_exchange);
        println!("\nstopped; comparing the lake with what the providers published …");
        let found = audit(&app, market.market()).await?;
        println!(
            "{} candles agree, {} were revised since; {} missing, {} invented, {} altered, \
             {} duplicated",
            found.agree,
            found.revised_since,
            found.missing,
            found.invented,
            found.altered,
            found.duplicated
        );
        Ok(if found.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// When this demo began; kept, so that a restart finds its market further on.
    fn origin(&self) -> anyhow::Result<DateTime<Utc>> {
        let path = self.data.join("began_at");
        if let Ok(text) = fs::read_to_string(&path) {
            return text.trim().parse().with_context(|| format!("{} is damaged", path.display()));
        }
        let now = SystemClock::real().now();
        fs::write(&path, now.to_rfc3339())?;
        Ok(now)
    }

    fn config(
        &self,
        defaults: Config,
        origin: DateTime<Utc>,
        exchange: SocketAddr,
    ) -> anyhow::Result<Config> {
        let mut config = defaults;
        config.store_url = format!("sqlite:{}", self.data.join("barkeep.db").display()).parse()?;
        config.lake.path = self.data.join("lake");
        config.ingest.assets =
            ASSETS.iter().map(|asset| asset.parse()).collect::<Result<_, _>>()?;
        config.ingest.providers =
            PROVIDERS.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let url: Url = format!("http://{exchange}").parse()?;
        let ProvidersConfig { coinbase, oanda, alpha_vantage } = &mut config.providers;
        coinbase.http.url = url.clone();
        // With a key the real exchange would be asked.
        coinbase.key = None;
        coinbase.is_mock = true;
        oanda.http.url = url.clone();
        oanda.token = Some("demo-token".into());
        oanda.is_mock = true;
        alpha_vantage.http.url = url;
        alpha_vantage.http.limits = alpha_vantage_limits()?;
        alpha_vantage.api_key = Some("demo-key".into());
        alpha_vantage.plan = Plan::Premium;
        alpha_vantage.is_mock = true;
        config.clock = ClockConfig { origin, speed: self.speed };
        Ok(config)
    }

    fn greet(&self, address: SocketAddr) {
        println!(
            "simulated providers tell of {} at {}× speed; the daemon keeps their candles",
            ASSETS.join(", "),
            self.speed
        );
        println!("  lake       {}", self.data.join("lake").display());
        println!("  freshness  curl 'http://{address}/v1/freshness'");
        println!(
            "  candles    curl 'http://{address}/v1/candles?asset=BTCUSD&timeframe=1m&limit=3'"
        );
        println!("  series     curl 'http://{address}/v1/series?asset=BTCUSD'");
        println!("  refused    curl 'http://{address}/v1/dead-letters'");
        println!("  metrics    curl 'http://{address}/metrics'");
        println!("Ctrl-C ends it; kill -9 it and start it again to see that nothing is lost");
    }

    async fn stop(self) {
        match self.run_for {
            None => super::interrupted().await,
            Some(seconds) => {
                let over = tokio::time::sleep(Duration::from_secs(seconds));
                tokio::select! {
                    () = super::interrupted() => {}
                    () = over => {}
                }
            }
        }
    }
}

fn alpha_vantage_limits() -> Result<Vec<Limit>, ParseError> {
    ALPHA_VANTAGE_LIMITS.iter().map(|limit| limit.parse()).collect()
}

/// A line every two seconds.
async fn report(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.lifecycle.stopping() => return,
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        let now = app.clock.now();
        let (mut fresh, mut all, mut owed) = (0, 0, 0);
        for book in app.live_books() {
            let timeframe = book.series().timeframe;
            let verdict = app.freshness(&book, now).verdict;
            fresh += u32::from(verdict == Verdict::Fresh);
            all += 1;
            let due = app.closed_until(book.series(), now);
            let gaps = book.with_ledger(|ledger| ledger.gaps(due));
            owed += gaps.iter().map(|run| run.window.candles(timeframe)).sum::<i64>();
        }
        let landed: u64 = app.landed();
        let letters = app.store.dead_letter_count().await.unwrap_or(0);
        println!(
            "{}  landed {landed:>8}  owed {owed:>7}  fresh {fresh}/{all} series  dead letters {letters}",
            now.format("%Y-%m-%d %H:%M:%S")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_settings_does_not_take_the_demo_to_the_real_exchange() {
        let key = [
            ("BARKEEP__PROVIDERS__COINBASE__KEY_NAME", "mine"),
            (
                "BARKEEP__PROVIDERS__COINBASE__KEY_SECRET",
                "dGhpcyBpcyBhIHRlc3Qga2V5LCBuZXZlciB1c2UgaXQ=",
            ),
        ];
        let key = key.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Config::from_layers(None, key.into()).unwrap();
        assert!(settings.providers.coinbase.key.is_some());
        let (data, bind) = (PathBuf::from("demo"), "127.0.0.1:1".parse().unwrap());
        let demo = Demo { data, speed: 60.0, run_for: None, bind };
        let config = demo.config(settings, DateTime::UNIX_EPOCH, bind).unwrap();
        assert!(config.providers.coinbase.key.is_none());
        assert_eq!(config.providers.coinbase.http.url.as_str(), "http://127.0.0.1:1/");
    }
}
