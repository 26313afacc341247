//! Every candle there ever was, as a pure function of seed, instrument, minute and moment of asking.

use std::collections::BTreeMap;

use super::{
    SimulatedProvider,
    candle::MarketCandle,
    listing::{Listing, MINUTE, Rules, minutes_until, threshold},
};
use crate::{config::Plan, market::InstrumentId};

const DAY: i64 = 86_400;

/// What a simulated market is made from. Equal configurations make equal markets.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationConfig {
    /// Decides prices, volumes, gaps, revisions, news and faults.
    pub seed: u64,
    /// What is traded, in Barkeep's names. Currencies and equities keep the hours of their class.
    pub instruments: Vec<InstrumentId>,
    /// Nothing was traded before, unix seconds.
    pub history_start: i64,
    /// Share of minutes in which nothing is traded, 0 to 1.
    pub no_trade: f64,
    /// Share of minutes that are first published with values that change later, 0 to 1. Quotes of
    /// currencies do not change.
    pub revised: f64,
    /// How long after its close a revised minute takes its final value, in seconds.
    pub revise_after_secs: i64,
    /// By how many basis points a provider's prices differ from the market's; 0 unless named.
    pub divergence_bps: BTreeMap<SimulatedProvider, i64>,
    /// What every key may ask Alpha Vantage for.
    pub alpha_vantage_plan: Plan,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        let names =
            ["BTCUSD", "ETHUSD", "SOLUSD", "EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "IBM", "AAPL"];
        Self {
            seed: 7,
            instruments: names.iter().filter_map(|name| name.parse().ok()).collect(),
            // 2015-01-20, the first minute Coinbase has of BTC-USD.
            history_start: 1_421_712_000,
            no_trade: 0.01,
            revised: 0.005,
            revise_after_secs: 150,
            divergence_bps: BTreeMap::new(),
            alpha_vantage_plan: Plan::Premium,
        }
    }
}

/// A market in which every candle is known in advance.
#[derive(Debug, Clone)]
pub struct SimulatedMarket {
    listings: Vec<Listing>,
    rules: Rules,
    divergence_bps: BTreeMap<SimulatedProvider, i64>,
}

impl SimulatedMarket {
    /// The market that `config` describes.
    pub fn new(config: &SimulationConfig) -> Self {
        let rules = Rules {
            first_minute: minutes_until(config.history_start),
            no_trade: threshold(config.no_trade),
            revised: threshold(config.revised),
            revise_after: config.revise_after_secs,
        };
        let listings = config.instruments.iter().map(|id| Listing::new(id, config.seed)).collect();
        Self { listings, rules, divergence_bps: config.divergence_bps.clone() }
    }

    /// Everything that is traded, in configured order.
    pub fn instruments(&self) -> impl Iterator<Item = &InstrumentId> {
        self.listings.iter().map(|listing| &listing.instrument)
    }

    /// Whether `instrument` is traded here.
    pub fn trades(&self, instrument: &InstrumentId) -> bool {
        self.find(instrument).is_some()
    }

    /// When the first minute of any instrument opens, unix seconds.
    pub fn history_start(&self) -> i64 {
        self.rules.first_minute * MINUTE
    }

    /// The candle that opens at `open_secs` as it is published at `as_of_secs`, both unix seconds.
    ///
    /// Only minutes begun before `as_of_secs` count, the running one with what was traded so far.
    /// `None` where nothing was traded, off the grid, or where there is no such instrument or
    /// `granularity` (in seconds).
    pub fn candle(
        &self,
        instrument: &InstrumentId,
        granularity: i64,
        open_secs: i64,
        as_of_secs: i64,
    ) -> Option<MarketCandle> {
        if open_secs.rem_euclid(granularity.max(1)) != 0 {
            return None;
        }
        let end = open_secs.checked_add(1)?;
        self.candles(instrument, granularity, open_secs, end, as_of_secs).next()
    }

    /// Candles that open within `[start_secs, end_secs)` as of `as_of_secs`, oldest first. Their
    /// length is any number of minutes that divides the UTC day.
    ///
    /// Faster than one [`Self::candle`] after the other, with the same answer.
    pub fn candles(
        &self,
        instrument: &InstrumentId,
        granularity: i64,
        start_secs: i64,
        end_secs: i64,
        as_of_secs: i64,
    ) -> impl Iterator<Item = MarketCandle> {
        let is_offered =
            granularity >= MINUTE && granularity % MINUTE == 0 && DAY % granularity == 0;
        let granularity = if is_offered { granularity } else { DAY };
        // What lies outside of history and the present costs nothing, however much is asked for.
        let earliest = self.history_start().div_euclid(granularity) * granularity;
        let start = start_secs.max(earliest);
        let end = if is_offered { end_secs.min(as_of_secs) } else { start };
        let first = start.div_euclid(granularity) + i64::from(start.rem_euclid(granularity) != 0);
        let opens =
            (first..).map(move |bucket| bucket * granularity).take_while(move |open| *open < end);
        self.buckets(instrument, opens.map(move |open| (open, open + granularity)), as_of_secs)
    }

    /// Candles of any buckets `[open, close)`, ascending, as of `as_of_secs`.
    pub(super) fn buckets(
        &self,
        instrument: &InstrumentId,
        buckets: impl Iterator<Item = (i64, i64)>,
        as_of_secs: i64,
    ) -> impl Iterator<Item = MarketCandle> {
        let listing = self.find(instrument);
        let rules = self.rules;
        let mut reader = listing.map(Listing::reader);
        buckets.take_while(move |_| listing.is_some()).filter_map(move |bucket| {
            listing?.aggregate(rules, reader.as_mut()?, bucket, as_of_secs)
        })
    }

    /// How a provider publishes the market's candles: off by its divergence.
    pub(super) fn divergence_of(&self, provider: SimulatedProvider) -> i64 {
        self.divergence_bps.get(&provider).copied().unwrap_or(0)
    }

    fn find(&self, instrument: &InstrumentId) -> Option<&Listing> {
        self.listings.iter().find(|listing| listing.instrument == *instrument)
    }
}

#[cfg(test)]
mod tests;
