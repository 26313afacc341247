//! `barkeep simulate-exchange`

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use clap::Args;
use tokio::net::TcpListener;

use crate::{
    clock::SystemClock,
    config::Config,
    simulate::{self, Faults, RateLimit, SimulatedExchange, SimulationConfig},
};

/// A sandbox: the same seed gives the same market, faults are switched by flag or over HTTP.
#[derive(Debug, Args)]
pub(super) struct SimulateExchange {
    /// Where to listen; point providers.coinbase.url at it.
    #[arg(long, default_value = "127.0.0.1:8390")]
    bind: SocketAddr,
    /// Decides every price and every fault.
    #[arg(long, default_value_t = SimulationConfig::default().seed)]
    seed: u64,
    /// Traded products, like BTC-USD.
    #[arg(long, value_delimiter = ',', default_values_t = SimulationConfig::default().products)]
    products: Vec<String>,
    /// Share of minutes in which nothing trades.
    #[arg(long, default_value_t = SimulationConfig::default().no_trade)]
    no_trade: f64,
    /// Share of minutes that are published once and revised later.
    #[arg(long, default_value_t = SimulationConfig::default().revised)]
    revised: f64,
    /// A fault and its probability, like empty=0.2; may be repeated.
    #[arg(long = "fault", value_name = "NAME=SHARE")]
    faults: Vec<String>,
    /// Allow 10 requests a second in bursts of 15, as the real exchange does.
    #[arg(long)]
    rate_limit: bool,
}

impl SimulateExchange {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let clock = Arc::new(SystemClock::scaled(config.clock.origin, config.clock.speed));
        let market = SimulationConfig {
            seed: self.seed,
            products: self.products,
            no_trade: self.no_trade,
            revised: self.revised,
            ..SimulationConfig::default()
        };
        let faults = Faults::from_pairs(self.faults.iter().map(String::as_str))?;
        let mut exchange = SimulatedExchange::new(&market, clock);
        if self.rate_limit {
            exchange = exchange.with_rate_limit(RateLimit::COINBASE);
        }
        exchange.set_faults(faults);
        let listener = TcpListener::bind(self.bind).await?;
        let address = listener.local_addr()?;
        println!("a simulated Coinbase answers at http://{address}, for example");
        println!("  curl 'http://{address}/products/BTC-USD/candles?granularity=60'");
        println!("  curl 'http://{address}/simulator/faults'");
        println!("let the daemon use it with");
        println!("  BARKEEP__PROVIDERS__COINBASE__URL=http://{address} barkeep serve");
        simulate::serve(listener, Arc::new(exchange), super::interrupted()).await?;
        Ok(ExitCode::SUCCESS)
    }
}
