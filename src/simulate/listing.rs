//! One listed instrument: its prices, volumes, gaps and revisions, minute by minute.

use super::{
    candle::{MarketCandle, VOLUME_DECIMALS},
    price::{PricePath, PriceWalk, hash},
    sessions::Sessions,
};
use crate::market::{AssetClass, Calendar, Calendars, InstrumentId};

pub(super) const MINUTE: i64 = 60;

/// Digits after the point of prices.
const FX_DECIMALS: u8 = 5;
const EQUITY_DECIMALS: u8 = 4;

// What is decided about a minute, each by a hash of its own.
const TRADED: u64 = 1 << 32;
const SHAPE: u64 = 2 << 32;
const REVISION: u64 = 3 << 32;

/// What holds for the whole market. Shares are thresholds that a hash is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) first_minute: i64,
    pub(super) no_trade: u64,
    pub(super) revised: u64,
    pub(super) revise_after: i64,
}

/// One instrument of the market.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) instrument: InstrumentId,
    path: PricePath,
    calendar: Calendar,
    price_decimals: u8,
    volume_decimals: u8,
    /// Greatest volume of a minute, in units of the last volume decimal.
    most_volume: i64,
    /// How much shorter than a 1,024th of the price wicks are, in powers of two.
    calmness: u32,
    /// Trades arrive late, quotes do not.
    is_quoted: bool,
}

/// Reads minutes in passing; they must be asked for in ascending order.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    walk: PriceWalk,
    sessions: Sessions,
}

impl Listing {
    pub(super) fn new(instrument: &InstrumentId, seed: u64) -> Self {
        let id = spelling(instrument);
        let key = id.bytes().fold(hash(seed, 0), |key, byte| hash(key, i64::from(byte)));
        let class = instrument.asset_class();
        let (base_ticks, price_decimals) = match class {
            AssetClass::Crypto => {
                let cents = crypto_cents(&id, key);
                // Cheap coins are quoted finer, so that their prices still move.
                let decimals = match cents {
                    2_000.. => 2,
                    100.. => 4,
                    _ => 6,
                };
                (cents * 10_i64.pow(u32::from(decimals) - 2), decimals)
            }
            AssetClass::Fx => (fx_ticks(&id), FX_DECIMALS),
            AssetClass::Equity => (equity_cents(&id, key) * 100, EQUITY_DECIMALS),
        };
        let (most_volume, volume_decimals) = match class {
            // Up to 2 million in quote currency a minute, but a day's sum must stay below 2^53.
            AssetClass::Crypto => {
                let units = (200_000_000 / crypto_cents(&id, key)).clamp(1, 100_000);
                (units * 10_i64.pow(u32::from(VOLUME_DECIMALS)), VOLUME_DECIMALS)
            }
            AssetClass::Fx => (400, 0),
            AssetClass::Equity => (200_000, 0),
        };
        let (swing, calmness) = match class {
            AssetClass::Crypto => (1.0, 0),
            AssetClass::Fx => (0.15, 3),
            AssetClass::Equity => (0.5, 1),
        };
        Self {
            instrument: instrument.clone(),
            path: PricePath { key, base_ticks: base_ticks as f64, swing },
            calendar: Calendars::REGULAR.of(class),
            price_decimals,
            volume_decimals,
            most_volume,
            calmness,
            is_quoted: class == AssetClass::Fx,
        }
    }

    pub(super) fn reader(&self) -> Reader {
        Reader { walk: self.path.walk(), sessions: Sessions::of(self.calendar) }
    }

    /// The traded minutes of the bucket `[open_secs, close_secs)` as one candle.
    pub(super) fn aggregate(
        &self,
        rules: Rules,
        reader: &mut Reader,
        (open_secs, close_secs): (i64, i64),
        as_of: i64,
    ) -> Option<MarketCandle> {
        let first = (open_secs / MINUTE).max(rules.first_minute);
        let end = (close_secs / MINUTE).min(minutes_until(as_of));
        let mut bucket: Option<MarketCandle> = None;
        for (first, end) in reader.sessions.within(first, end) {
            for minute in first..end {
                let walk = &mut reader.walk;
                let Some(candle) = self.minute(rules, walk, minute, as_of) else { continue };
                match &mut bucket {
                    Some(bucket) => bucket.absorb(&candle),
                    None => bucket = Some(MarketCandle { open_time: open_secs, ..candle }),
                }
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
        let upper = wick(open, shape >> 48) >> self.calmness;
        let lower = wick(open, shape >> 32) >> self.calmness;
        let mut candle = MarketCandle {
            open_time: minute * MINUTE,
            open,
            high: open.max(close) + upper,
            low: (open.min(close) - lower).max(1),
            close,
            volume: self.volume(shape),
            price_decimals: self.price_decimals,
            volume_decimals: self.volume_decimals,
        };
        let age = as_of.saturating_sub(candle.open_time);
        if age < MINUTE + rules.revise_after && !self.is_quoted {
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

    /// Mostly little, sometimes much, never so little that a part of it would be nothing.
    fn volume(&self, chance: u64) -> i64 {
        let chance = (chance & 0xFFFF_FFFF).cast_signed() >> 12;
        let cubed = (((chance * chance) >> 20) * chance) >> 20;
        if self.volume_decimals == 0 {
            return 1 + ((self.most_volume * cubed) >> 20);
        }
        // Single units from the hash, so that volumes use all eight decimals.
        ((self.most_volume >> 20) * cubed) + 100 + (chance * 7_919) % 100_000
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

/// With a dash between the two halves of a pair.
pub(super) fn spelling(instrument: &InstrumentId) -> String {
    match instrument.pair() {
        Some((base, quote)) => format!("{base}-{quote}"),
        None => instrument.to_string(),
    }
}

/// A price to swing around: a familiar one where there is one.
fn crypto_cents(id: &str, key: u64) -> i64 {
    match id.split('-').next() {
        Some("BTC") => 6_000_000,
        Some("ETH") => 300_000,
        Some("SOL") => 15_000,
        Some("ADA") => 50,
        Some("DOGE") => 15,
        _ => some_cents(key),
    }
}

fn equity_cents(id: &str, key: u64) -> i64 {
    match id {
        "IBM" => 23_000,
        "AAPL" => 20_000,
        _ => some_cents(key).max(1_000),
    }
}

fn some_cents(key: u64) -> i64 {
    let chance = hash(key, 1);
    let magnitude = [10, 100, 1_000, 10_000][(chance & 3) as usize];
    magnitude * (1 + ((chance >> 2) % 9).cast_signed())
}

/// What a pair of currencies is about worth.
fn fx_ticks(id: &str) -> i64 {
    let (base, quote) = id.split_once('-').unwrap_or((id, "USD"));
    dollar_pips(base) * 10_i64.pow(u32::from(FX_DECIMALS)) / dollar_pips(quote)
}

/// What a currency or an ounce of metal is about worth, in ten-thousandths of a dollar.
fn dollar_pips(code: &str) -> i64 {
    match code {
        "USD" => 10_000,
        "EUR" => 11_000,
        "GBP" => 12_700,
        "CHF" => 11_300,
        "CAD" => 7_300,
        "AUD" => 6_600,
        "NZD" => 6_100,
        "JPY" => 67,
        "XAU" => 20_000_000,
        "XAG" => 250_000,
        _ => 2_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_greatest_volumes_stays_below_what_a_float_counts_exactly() {
        for id in ["BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "NEW-EUR", "EURUSD", "IBM", "F"] {
            let listing = Listing::new(&id.parse().unwrap(), 7);
            // A quarter is what the cube of an even chance comes to on average.
            assert!(listing.most_volume / 4 * 1_440 < 1 << 53, "{id}");
            assert!(listing.path.base_ticks >= 1_000.0, "{id}: too coarse to move");
        }
    }

    #[test]
    fn a_minute_begins_before_a_moment_but_not_at_it() {
        assert_eq!((minutes_until(120), minutes_until(121), minutes_until(119)), (2, 3, 2));
    }
}
