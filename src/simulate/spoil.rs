//! How faults change the rows of an answer that would otherwise have been right.

use rand::{Rng, rngs::SmallRng, seq::SliceRandom};

use super::{
    MarketCandle,
    candle::{VOLUME_DECIMALS, write_decimal, write_rows},
    faults::Fault,
    market::GRANULARITIES,
};

/// What a spoiler must know of the question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Length of the candles, in seconds.
    pub(super) granularity: i64,
    /// The moment of asking, unix seconds.
    pub(super) now: i64,
}

/// Applies a fault of rows. `false` where these rows, newest first, leave it no room.
pub(super) fn spoil_rows(
    rows: &mut Vec<MarketCandle>,
    fault: Fault,
    asked: Asked,
    chance: &mut SmallRng,
) -> bool {
    let count = rows.len();
    match fault {
        Fault::Empty => rows.clear(),
        Fault::Lag => {
            let running = asked.now.div_euclid(asked.granularity) * asked.granularity;
            rows.retain(|row| row.open_time != running - asked.granularity);
        }
        Fault::DropRow if count >= 3 => {
            rows.remove(chance.random_range(1..count - 1));
        }
        Fault::DuplicateRow if count >= 1 => {
            let index = chance.random_range(0..count);
            rows.insert(index, rows[index]);
        }
        Fault::ConflictingRow if count >= 1 => {
            let index = chance.random_range(0..count);
            let volume = rows[index].volume + 1_000_000;
            rows.insert(index, MarketCandle { volume, ..rows[index] });
        }
        Fault::Shuffled if count >= 2 => {
            shuffle(rows, chance);
            return true;
        }
        _ => return false,
    }
    rows.len() != count
}

fn shuffle(rows: &mut [MarketCandle], chance: &mut SmallRng) {
    rows.shuffle(chance);
    // Few rows may come out as they went in, which would be no fault.
    if rows.is_sorted_by(|newer, older| newer.open_time >= older.open_time) {
        rows.reverse();
    }
}

/// The rows as JSON, with one of them replaced by nonsense.
pub(super) fn write_with_bad_row(
    rows: &[MarketCandle],
    asked: Asked,
    chance: &mut SmallRng,
) -> Vec<u8> {
    let index = chance.random_range(0..rows.len());
    let nonsense = Nonsense::ALL[chance.random_range(0..Nonsense::ALL.len())];
    let newer = write_rows(&rows[..index]);
    let older = write_rows(&rows[index + 1..]);
    let bad = nonsense.write(&rows[index], asked);
    // Inside of the brackets, leaving out what is empty, so that there is no comma too many.
    let parts = [&newer[1..newer.len() - 1], bad.as_bytes(), &older[1..older.len() - 1]];
    let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    [b"[".as_slice(), &parts.join(&b','), b"]"].concat()
}

#[derive(Debug, Clone, Copy)]
enum Nonsense {
    HighBelowLow,
    NegativeVolume,
    ZeroPrice,
    Null,
    TextNaN,
    OffGridTime,
    FutureTime,
    TooLarge,
}

impl Nonsense {
    const ALL: [Self; 8] = [
        Self::HighBelowLow,
        Self::NegativeVolume,
        Self::ZeroPrice,
        Self::Null,
        Self::TextNaN,
        Self::OffGridTime,
        Self::FutureTime,
        Self::TooLarge,
    ];

    /// A row that is valid JSON and no valid candle.
    fn write(self, row: &MarketCandle, asked: Asked) -> String {
        let price = |ticks| decimal(ticks, row.price_decimals);
        let mut fields = [
            row.open_time.to_string(),
            price(row.low),
            price(row.high),
            price(row.open),
            price(row.close),
            decimal(row.volume, VOLUME_DECIMALS),
        ];
        match self {
            Self::HighBelowLow => fields[2] = price(row.low - 1),
            Self::NegativeVolume => fields[5].insert(0, '-'),
            Self::ZeroPrice => "0".clone_into(&mut fields[4]),
            Self::Null => "null".clone_into(&mut fields[3]),
            Self::TextNaN => "\"NaN\"".clone_into(&mut fields[4]),
            Self::OffGridTime => fields[0] = (row.open_time + 7).to_string(),
            // On every grid, so that only the time is wrong.
            Self::FutureTime => {
                let day = GRANULARITIES[GRANULARITIES.len() - 1];
                fields[0] = ((asked.now.div_euclid(day) + 2) * day).to_string();
            }
            Self::TooLarge => "1e400".clone_into(&mut fields[5]),
        }
        format!("[{}]", fields.join(","))
    }
}

fn decimal(units: i64, decimals: u8) -> String {
    let mut text = Vec::new();
    write_decimal(&mut text, units, decimals);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const ASKED: Asked = Asked { granularity: 60, now: 100_020 };

    fn row(open_time: i64) -> MarketCandle {
        MarketCandle {
            open_time,
            open: 1_000,
            high: 1_010,
            low: 990,
            close: 1_001,
            volume: 250_000_000,
            price_decimals: 2,
        }
    }

    #[test]
    fn nonsense_is_written_as_named() {
        let expected = [
            "[99960,9.9,9.89,10,10.01,2.5]",
            "[99960,9.9,10.1,10,10.01,-2.5]",
            "[99960,9.9,10.1,10,0,2.5]",
            "[99960,9.9,10.1,null,10.01,2.5]",
            "[99960,9.9,10.1,10,\"NaN\",2.5]",
            "[99967,9.9,10.1,10,10.01,2.5]",
            "[259200,9.9,10.1,10,10.01,2.5]",
            "[99960,9.9,10.1,10,10.01,1e400]",
        ];
        for (nonsense, expected) in Nonsense::ALL.into_iter().zip(expected) {
            assert_eq!(nonsense.write(&row(99_960), ASKED), expected);
        }
    }

    #[test]
    fn a_bad_row_replaces_one_row_wherever_it_stands() {
        let rows: Vec<_> = (0..3).map(|n| row(99_960 - n * 60)).collect();
        for seed in 0..100 {
            let mut chance = SmallRng::seed_from_u64(seed);
            for count in 1..=3 {
                let text = write_with_bad_row(&rows[..count], ASKED, &mut chance);
                let text = String::from_utf8(text).unwrap().replace("1e400", "0");
                let read: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
                assert_eq!(read.len(), count, "{text}");
            }
        }
    }

    #[test]
    fn faults_without_room_do_nothing() {
        let mut chance = SmallRng::seed_from_u64(1);
        for fault in Fault::ALL {
            let mut rows = Vec::new();
            assert!(!spoil_rows(&mut rows, *fault, ASKED, &mut chance), "{fault:?}");
        }
        let mut two = vec![row(99_900), row(99_840)];
        assert!(!spoil_rows(&mut two, Fault::DropRow, ASKED, &mut chance));
        assert!(!spoil_rows(&mut two, Fault::Lag, ASKED, &mut chance), "an old page does not lag");
        assert!(spoil_rows(&mut two, Fault::Shuffled, ASKED, &mut chance));
        assert_eq!(two[0].open_time, 99_840);
    }
}
