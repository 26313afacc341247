//! `barkeep simulate-exchange`

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use clap::Args;
use tokio::net::TcpListener;

use crate::{
    clock::SystemClock,
    config::Config,
    market::InstrumentId,
    simulate::{self, FaultPlan, SimulatedExchange, SimulationConfig},
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
    /// What is traded, like BTC-USD, EURUSD or IBM.
    #[arg(long, value_delimiter = ',', default_values_t = SimulationConfig::default().instruments)]
    instruments: Vec<InstrumentId>,
    /// Share of minutes in which nothing trades.
    #[arg(long, default_value_t = SimulationConfig::default().no_trade)]
    no_trade: f64,
    /// Share of minutes that are published once and revised later.
    #[arg(long, default_value_t = SimulationConfig::default().revised)]
    revised: f64,
    /// A fault and its probability, like empty=0.2; may be repeated.
    #[arg(long = "fault", value_name = "NAME=SHARE")]
    faults: Vec<String>,
}

impl SimulateExchange {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let clock = Arc::new(SystemClock::scaled(config.clock.origin, config.clock.speed));
        let market = SimulationConfig {
            seed: self.seed,
            instruments: self.instruments,
            no_trade: self.no_trade,
            revised: self.revised,
            ..SimulationConfig::default()
        };
        let faults = FaultPlan::from_pairs(self.faults.iter().map(String::as_str))?;
        let exchange = SimulatedExchange::new(&market, clock);
        exchange.set_fault_plan(&faults);
        let listener = TcpListener::bind(self.bind).await?;
        let address = listener.local_addr()?;
        println!("a simulated Coinbase answers at http://{address}, for example");
        println!("  curl 'http://{address}/products/BTC-USD/candles?granularity=60'");
        println!("  curl 'http://{address}/simulator/coinbase/faults'");
        println!("let the daemon use it with");
        println!("  BARKEEP__PROVIDERS__COINBASE__URL=http://{address} barkeep serve");
        simulate::serve(listener, Arc::new(exchange), super::interrupted()).await?;
        Ok(ExitCode::SUCCESS)
    }
}
