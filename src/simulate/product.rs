//! One product of the market: its prices, volumes, gaps and revisions, minute by minute.

use super::{
    candle::{MarketCandle, VOLUME_DECIMALS},
    price::{PricePath, PriceWalk, hash},
};

pub(super) const MINUTE: i64 = 60;

// What is decided about a minute, each by a hash of its own.
const TRADED: u64 = 1 << 32;
const SHAPE: u64 = 2 << 32;
const REVISION: u64 = 3 << 32;

/// What holds for all products. Shares are thresholds that a hash is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) first_minute: i64,
    pub(super) no_trade: u64,
    pub(super) revised: u64,
    pub(super) revise_after: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) id: String,
    pub(super) path: PricePath,
    price_decimals: u8,
    /// Greatest volume of a minute, in units of 1e-8.
    most_volume: i64,
}

impl Product {
    pub(super) fn new(id: &str, seed: u64) -> Self {
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
    pub(super) fn aggregate(
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
pub(super) fn minutes_until(secs: i64) -> i64 {
    secs.saturating_sub(1).div_euclid(MINUTE) + 1
}

/// A hash is below it with probability `share`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "conversion saturates, which is what a share outside of 0 to 1 should do"
)]
pub(super) fn threshold(share: f64) -> u64 {
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
mod tests {
    use super::*;

    #[test]
    fn a_day_of_greatest_volumes_stays_below_what_a_float_counts_exactly() {
        for id in ["BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "NEW-EUR"] {
            let product = Product::new(id, 7);
            // A quarter is what the cube of an even chance comes to on average.
            assert!(product.most_volume / 4 * 1_440 < 1 << 53, "{id}");
            assert!(product.path.base_ticks >= 1_000.0, "{id}: too coarse to move");
        }
    }

    #[test]
    fn a_minute_begins_before_a_moment_but_not_at_it() {
        assert_eq!((minutes_until(120), minutes_until(121), minutes_until(119)), (2, 3, 2));
    }
}
