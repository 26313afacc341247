//! Every candle there ever was, as a pure function of seed, product, minute and moment of asking.

use serde::{Deserialize, Serialize};

use super::{
    candle::{MarketCandle, VOLUME_DECIMALS},
    price::{PricePath, PriceWalk, hash},
};

/// Candle lengths the exchange offers, in seconds, finest first.
pub const GRANULARITIES: [i64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

const MINUTE: i64 = 60;

// What is decided about a minute, each by a hash of its own.
const TRADED: u64 = 1 << 32;
const SHAPE: u64 = 2 << 32;
const REVISION: u64 = 3 << 32;

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

/// What holds for all products. Shares are thresholds that a hash is compared with.
#[derive(Debug, Clone, Copy)]
struct Rules {
    first_minute: i64,
    no_trade: u64,
    revised: u64,
    revise_after: i64,
}

#[derive(Debug, Clone)]
struct Product {
    id: String,
    path: PricePath,
    price_decimals: u8,
    /// Greatest volume of a minute, in units of 1e-8.
    most_volume: i64,
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

impl Product {
    fn new(id: &str, seed: u64) -> Self {
        let key = id.bytes().fold(hash(seed, 0), |key, byte| hash(key, i64::from(byte)));
        let cents = base_cents(id, key);
        // Cheap products are quoted finer, so that their prices still move.
        let price_decimals = match cents {
            2_000.. => 2,
            100.. => 4,
            _ => 6,
        };
        let base_ticks = (cents * 10_i64.pow(u32::from(price_decimals) - 2)) as f64;
        // Up to 2 million in quote currency a minute, but a day's sum must stay below 2^53.
        let base_units = (200_000_000 / cents).clamp(1, 100_000);
        let most_volume = base_units * 10_i64.pow(u32::from(VOLUME_DECIMALS));
        Self { id: id.to_owned(), path: PricePath { key, base_ticks }, price_decimals, most_volume }
    }

    /// The traded minutes of one bucket as one candle.
    fn aggregate(
        &self,
        rules: Rules,
        walk: &mut PriceWalk,
        open_secs: i64,
        granularity: i64,
        as_of: i64,
    ) -> Option<MarketCandle> {
        let first = (open_secs / MINUTE).max(rules.first_minute);
        let end = ((open_secs + granularity) / MINUTE).min(minutes_until(as_of));
        let mut bucket: Option<MarketCandle> = None;
        for minute in first..end {
            let Some(candle) = self.minute(rules, walk, minute, as_of) else { continue };
            match &mut bucket {
                Some(bucket) => bucket.absorb(&candle),
                None => bucket = Some(MarketCandle { open_time: open_secs, ..candle }),
            }
        }
        bucket
    }

    fn minute(
        &self,
        rules: Rules,
        walk: &mut PriceWalk,
        minute: i64,
        as_of: i64,
    ) -> Option<MarketCandle> {
        if hash(self.path.key ^ TRADED, minute) < rules.no_trade {
            return None;
        }
        let (open, close) = walk.open_and_close(minute);
        let shape = hash(self.path.key ^ SHAPE, minute);
        let upper = wick(open, shape >> 48);
        let lower = wick(open, shape >> 32);
        let mut candle = MarketCandle {
            open_time: minute * MINUTE,
            open,
            high: open.max(close) + upper,
            low: (open.min(close) - lower).max(1),
            close,
            volume: volume(self.most_volume, shape),
            price_decimals: self.price_decimals,
        };
        let age = as_of.saturating_sub(candle.open_time);
        if age < MINUTE + rules.revise_after {
            self.publish_first(rules, &mut candle);
        }
        if age < MINUTE {
            unfinish(&mut candle, age);
        }
        Some(candle)
    }

    /// Turns a final candle into the one first published: trades are late, so volume is missing.
    fn publish_first(&self, rules: Rules, candle: &mut MarketCandle) {
        let chance = hash(self.path.key ^ REVISION, candle.open_time / MINUTE);
        if chance >= rules.revised {
            return;
        }
        let late_trade = if candle.close > candle.low { -1 } else { 1 };
        candle.close = (candle.close + late_trade).min(candle.high);
        candle.volume -= candle.volume / (2 + (chance & 0x3F).cast_signed());
    }
}

/// What is known of a minute `age` seconds after it began; it only ever grows.
fn unfinish(candle: &mut MarketCandle, age: i64) {
    let so_far = |whole: i64| whole * age / MINUTE;
    let (upper, lower) = (candle.high - candle.open, candle.open - candle.low);
    candle.close = candle.open + so_far(candle.close - candle.open);
    candle.high = (candle.open + so_far(upper)).max(candle.close);
    candle.low = (candle.open - so_far(lower)).min(candle.close);
    candle.volume = so_far(candle.volume).max(1);
}

/// How far a minute reaches beyond its body: mostly little, at most a thousandth of the price.
fn wick(price: i64, chance: u64) -> i64 {
    let chance = (chance & 0xFFFF).cast_signed();
    ((price * ((chance * chance) >> 16)) >> 16) >> 10
}

/// Mostly little, sometimes much, never so little that a part of it would be nothing.
fn volume(most: i64, chance: u64) -> i64 {
    let chance = (chance & 0xFFFF_FFFF).cast_signed() >> 12;
    let cubed = (((chance * chance) >> 20) * chance) >> 20;
    // Single units from the hash, so that volumes use all eight decimals.
    ((most >> 20) * cubed) + 100 + (chance * 7_919) % 100_000
}

/// Minutes that begin before `secs`, counted from 1970.
fn minutes_until(secs: i64) -> i64 {
    secs.saturating_sub(1).div_euclid(MINUTE) + 1
}

/// A hash is below it with probability `share`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "conversion saturates, which is what a share outside of 0 to 1 should do"
)]
fn threshold(share: f64) -> u64 {
    (share * u64::MAX as f64) as u64
}

/// A price to swing around, in cents: a familiar one where there is one.
fn base_cents(id: &str, key: u64) -> i64 {
    match id.split('-').next() {
        Some("BTC") => 6_000_000,
        Some("ETH") => 300_000,
        Some("SOL") => 15_000,
        Some("ADA") => 50,
        Some("DOGE") => 15,
        _ => {
            let chance = hash(key, 1);
            let magnitude = [10, 100, 1_000, 10_000][(chance & 3) as usize];
            magnitude * (1 + ((chance >> 2) % 9).cast_signed())
        }
    }
}

#[cfg(test)]
mod tests;
