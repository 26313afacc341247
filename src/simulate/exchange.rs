//! The one market behind every provider, and what passes each provider's gate.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    Counters, FaultPlan, Faults, MarketCandle, SimulatedMarket, SimulatedProvider,
    SimulationConfig, gate::Gate,
};
use crate::{clock::Clock, config::Limit, market::InstrumentId};

/// A simulated exchange that any number of connections and tests may share.
#[derive(Debug)]
pub struct SimulatedExchange {
    config: SimulationConfig,
    market: SimulatedMarket,
    clock: Arc<dyn Clock>,
    gates: [Gate; SimulatedProvider::ALL.len()],
}

impl SimulatedExchange {
    /// An exchange without faults and without rate limits.
    pub fn new(config: &SimulationConfig, clock: Arc<dyn Clock>) -> Self {
        let gate = |provider| Gate::new(provider, config.seed, clock.clone());
        Self {
            market: SimulatedMarket::new(config),
            config: config.clone(),
            gates: SimulatedProvider::ALL.map(gate),
            clock,
        }
    }

    /// The market behind the exchange.
    pub fn market(&self) -> &SimulatedMarket {
        &self.market
    }

    /// The exchange's present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The faults in force at a provider.
    pub fn faults(&self, provider: SimulatedProvider) -> Faults {
        self.gate(provider).faults()
    }

    /// Replaces the faults of one provider; the chance that decides them runs on.
    pub fn set_faults(&self, provider: SimulatedProvider, faults: Faults) {
        self.gate(provider).set_faults(faults);
    }

    /// Replaces the faults of all providers.
    pub fn set_fault_plan(&self, plan: &FaultPlan) {
        for provider in SimulatedProvider::ALL {
            self.set_faults(provider, plan.of(provider));
        }
    }

    /// Replaces a provider's rate limits; they are measured on the exchange's clock.
    pub fn set_limits(&self, provider: SimulatedProvider, limits: &[Limit]) {
        self.gate(provider).set_limits(limits);
    }

    /// What requests to a provider came to so far.
    pub fn counters(&self, provider: SimulatedProvider) -> Counters {
        self.gate(provider).counters()
    }

    /// Closed candles that open within `[start, end)`, unix seconds, as they finally stand.
    ///
    /// Oldest first, without faults, limits and divergence. Revisions yet to come are in it already.
    pub fn truth(
        &self,
        instrument: &InstrumentId,
        granularity: i64,
        start: i64,
        end: i64,
    ) -> Vec<MarketCandle> {
        // A candle is closed when it opens at least its own length before now.
        let end = end.min(self.now().timestamp().saturating_sub(granularity).saturating_add(1));
        self.market.candles(instrument, granularity, start, end, i64::MAX).collect()
    }

    pub(super) fn config(&self) -> &SimulationConfig {
        &self.config
    }

    pub(super) fn gate(&self, provider: SimulatedProvider) -> &Gate {
        &self.gates[provider as usize]
    }
}
