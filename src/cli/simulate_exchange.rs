//! `barkeep simulate-exchange`

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::{
    clock::SystemClock,
    config::{Config, Limit, Plan},
    market::{InstrumentId, ParseError},
    simulate::{self, FaultPlan, SimulatedExchange, SimulatedProvider, SimulationConfig},
};

/// A sandbox: the same seed gives the same market, faults are switched by flag or over HTTP.
#[derive(Debug, Args)]
pub(super) struct SimulateExchange {
    /// Where to listen, for all providers; point their url at it.
    #[arg(long, default_value = "127.0.0.1:8390")]
    bind: SocketAddr,
    /// Decides every price and every fault.
    #[arg(long, default_value_t = SimulationConfig::default().seed)]
    seed: u64,
    /// What is traded, like BTC-USD, EURUSD or IBM.
    #[arg(long, value_delimiter = ',', default_values_t = SimulationConfig::default().instruments)]
    instruments: Vec<InstrumentId>,
    /// Share of minutes in which nothing trades.
    #[arg(long, default_value_t = SimulationConfig::default().no_trade)]
    no_trade: f64,
    /// Share of minutes that are published once and revised later.
    #[arg(long, default_value_t = SimulationConfig::default().revised)]
    revised: f64,
    /// A fault and its probability, like empty=0.2: of every provider that knows it, or of one, like
    /// oanda:lag=0.1; may be repeated.
    #[arg(long = "fault", value_name = "[PROVIDER:]NAME=SHARE")]
    faults: Vec<String>,
    /// A rate limit, like coinbase=10/s; may be repeated, and all of them hold.
    #[arg(long = "limit", value_name = "PROVIDER=LIMIT", value_parser = of_provider::<Limit>)]
    limits: Vec<(SimulatedProvider, Limit)>,
    /// By how many basis points a provider's prices are off, like oanda=15; may be repeated.
    #[arg(long = "divergence", value_name = "PROVIDER=BPS", value_parser = of_provider::<i64>)]
    divergences: Vec<(SimulatedProvider, i64)>,
    /// Alpha Vantage refuses what a free key may not ask for.
    #[arg(long)]
    free_plan: bool,
}

impl SimulateExchange {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let clock = Arc::new(SystemClock::scaled(config.clock.origin, config.clock.speed));
        let market = SimulationConfig {
            seed: self.seed,
            instruments: self.instruments,
            no_trade: self.no_trade,
            revised: self.revised,
            divergence_bps: self.divergences.into_iter().collect(),
            alpha_vantage_plan: if self.free_plan { Plan::Free } else { Plan::Premium },
            ..SimulationConfig::default()
        };
        let faults = FaultPlan::from_pairs(self.faults.iter().map(String::as_str))?;
        let exchange = SimulatedExchange::new(&market, clock);
        exchange.set_fault_plan(&faults);
        for provider in SimulatedProvider::ALL {
            let of_it = self.limits.iter().filter(|(limited, _)| *limited == provider);
            let limits: Vec<Limit> = of_it.map(|(_, limit)| *limit).collect();
            exchange.set_limits(provider, &limits);
        }
        anyhow::ensure!(
            self.bind.ip().is_loopback(),
            "--bind {}: anybody may set its faults, so it listens on loopback only, like \
             127.0.0.1:8390",
            self.bind
        );
        let listener = TcpListener::bind(self.bind)
            .await
            .with_context(|| format!("{} is taken; choose another with --bind", self.bind))?;
        greet(listener.local_addr()?);
        simulate::serve(listener, Arc::new(exchange), super::interrupted()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `provider=value`.
fn of_provider<T: std::str::FromStr>(given: &str) -> Result<(SimulatedProvider, T), ParseError> {
    let wrong = || ParseError {
        what: "provider's value",
        given: given.to_owned(),
        fix: "write provider=value, like coinbase=10/s or oanda=15",
    };
    let (provider, value) = given.split_once('=').ok_or_else(wrong)?;
    Ok((provider.trim().parse()?, value.trim().parse().map_err(|_| wrong())?))
}

fn greet(address: SocketAddr) {
    let examples = [
        "/products/BTC-USD/candles?granularity=60",
        "/api/v3/brokerage/market/products/BTC-USD/candles?granularity=FOUR_HOUR&start=…&end=…",
        "/v3/instruments/EUR_USD/candles?granularity=M1' -H 'Authorization: Bearer any",
        "/query?function=TIME_SERIES_INTRADAY&symbol=IBM&interval=1min&apikey=any",
        "/simulator/oanda/faults",
    ];
    println!(
        "a simulated Coinbase, Oanda and Alpha Vantage answer at http://{address}, for example"
    );
    for example in examples {
        println!("  curl 'http://{address}{example}'");
    }
    println!("let a daemon with a lake of its own use them with");
    let url = format!("http://{address}");
    for (name, value) in [
        ("STORE__URL", "sqlite:data/sandbox/barkeep.db"),
        ("LAKE__PATH", "data/sandbox/lake"),
        ("INGEST__ASSETS", "BTCUSD,EURUSD,IBM"),
        ("PROVIDERS__COINBASE__URL", &url),
        ("PROVIDERS__COINBASE__ADVANCED_URL", &url),
        ("PROVIDERS__COINBASE__IS_MOCK", "true"),
        ("PROVIDERS__OANDA__URL", &url),
        ("PROVIDERS__OANDA__TOKEN", "any"),
        ("PROVIDERS__OANDA__IS_MOCK", "true"),
        ("PROVIDERS__ALPHA_VANTAGE__URL", &url),
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "any"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ("PROVIDERS__ALPHA_VANTAGE__LIMITS", "75/min"),
        ("PROVIDERS__ALPHA_VANTAGE__IS_MOCK", "true"),
    ] {
        println!("  export BARKEEP__{name}={value}");
    }
    println!("  barkeep serve");
}
