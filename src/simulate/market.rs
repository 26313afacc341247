//! Every candle there ever was, as a pure function of seed, product, minute and moment of asking.

use serde::{Deserialize, Serialize};

use super::{
    candle::MarketCandle,
    product::{MINUTE, Product, Rules, minutes_until, threshold},
};

/// Candle lengths the exchange offers, in seconds, finest first.
pub const GRANULARITIES: [i64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// What a simulated market is made from. Equal configurations make equal markets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulationConfig {
    /// Decides prices, volumes, gaps, revisions and faults.
    pub seed: u64,
    /// Product ids, written like `BTC-USD`.
    pub products: Vec<String>,
    /// Nothing was traded before, unix seconds.
    pub history_start: i64,
    /// Share of minutes in which nothing is traded, 0 to 1.
    pub no_trade: f64,
    /// Share of minutes that are first published with values that change later, 0 to 1.
    pub revised: f64,
    /// How long after its close a revised minute takes its final value, in seconds.
    pub revise_after_secs: i64,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            products: ["BTC-USD", "ETH-USD", "SOL-USD"].map(str::to_owned).to_vec(),
            // 2015-01-20, the first minute Coinbase has of BTC-USD.
            history_start: 1_421_712_000,
            no_trade: 0.01,
            revised: 0.005,
            revise_after_secs: 150,
        }
    }
}

/// A market in which every candle is known in advance.
#[derive(Debug, Clone)]
pub struct SimulatedMarket {
    products: Vec<Product>,
    rules: Rules,
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
        let products = config.products.iter().map(|id| Product::new(id, config.seed)).collect();
        Self { products, rules }
    }

    /// Ids of all products, in configured order.
    pub fn products(&self) -> impl Iterator<Item = &str> {
        self.products.iter().map(|product| product.id.as_str())
    }

    /// Whether `product` is traded here.
    pub fn has_product(&self, product: &str) -> bool {
        self.find(product).is_some()
    }

    /// The candle that opens at `open_secs` as it is published at `as_of_secs`, both unix seconds.
    ///
    /// Only minutes begun before `as_of_secs` count, the running one with what was traded so far.
    /// `None` where nothing was traded, off the grid, or where there is no such product or
    /// `granularity` (in seconds).
    pub fn candle(
        &self,
        product: &str,
        granularity: i64,
        open_secs: i64,
        as_of_secs: i64,
    ) -> Option<MarketCandle> {
        if open_secs.rem_euclid(granularity.max(1)) != 0 {
            return None;
        }
        self.candles(product, granularity, open_secs, open_secs.checked_add(1)?, as_of_secs).next()
    }

    /// Candles that open within `[start_secs, end_secs)` as of `as_of_secs`, oldest first.
    ///
    /// Faster than one [`Self::candle`] after the other, with the same answer.
    pub fn candles(
        &self,
        product: &str,
        granularity: i64,
        start_secs: i64,
        end_secs: i64,
        as_of_secs: i64,
    ) -> impl Iterator<Item = MarketCandle> {
        let product = self.find(product).filter(|_| GRANULARITIES.contains(&granularity));
        // What lies outside of history and the present costs nothing, however much is asked for.
        let history_start = self.rules.first_minute * MINUTE;
        let earliest = history_start.div_euclid(granularity.max(1)) * granularity;
        let start = start_secs.max(earliest);
        let end = end_secs.min(as_of_secs);
        let rules = self.rules;
        product.into_iter().flat_map(move |product| {
            let mut walk = product.path.walk();
            let first =
                start.div_euclid(granularity) + i64::from(start.rem_euclid(granularity) != 0);
            (first..)
                .map(move |bucket| bucket * granularity)
                .take_while(move |open| *open < end)
                .filter_map(move |open| {
                    product.aggregate(rules, &mut walk, open, granularity, as_of_secs)
                })
        })
    }

    fn find(&self, product: &str) -> Option<&Product> {
        self.products.iter().find(|known| known.id == product)
    }
}

#[cfg(test)]
mod tests;
