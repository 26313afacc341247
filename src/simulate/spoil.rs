//! How faults change the rows of an answer that would otherwise have been right.

use rand::{Rng, rngs::SmallRng, seq::SliceRandom};

use super::{MarketCandle, faults::Fault};

/// Applies a fault of rows. `newest_closed` is the open time of the newest closed candle. `false`
/// where these rows leave the fault no room.
pub(super) fn spoil_rows(
    rows: &mut Vec<MarketCandle>,
    fault: Fault,
    newest_closed: i64,
    chance: &mut SmallRng,
) -> bool {
    let count = rows.len();
    match fault {
        Fault::Empty => rows.clear(),
        Fault::Lag => rows.retain(|row| row.open_time != newest_closed),
        Fault::DropRow if count >= 3 => {
            rows.remove(chance.random_range(1..count - 1));
        }
        Fault::DuplicateRow if count >= 1 => {
            let index = chance.random_range(0..count);
            rows.insert(index, rows[index]);
        }
        Fault::ConflictingRow if count >= 1 => {
            let index = chance.random_range(0..count);
            let other = MarketCandle { high: rows[index].high + 1, ..rows[index] };
            rows.insert(index, other);
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
    let before: Vec<i64> = rows.iter().map(|row| row.open_time).collect();
    rows.shuffle(chance);
    // Few rows may come out as they went in, which would be no fault.
    if rows.iter().map(|row| row.open_time).eq(before) {
        rows.reverse();
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn row(open_time: i64) -> MarketCandle {
        MarketCandle {
            open_time,
            open: 1_000,
            high: 1_010,
            low: 990,
            close: 1_001,
            volume: 250_000_000,
            price_decimals: 2,
            volume_decimals: 8,
        }
    }

    #[test]
    fn faults_without_room_do_nothing() {
        let mut chance = SmallRng::seed_from_u64(1);
        let newest_closed = 99_960;
        for fault in Fault::ALL {
            let mut rows = Vec::new();
            assert!(!spoil_rows(&mut rows, *fault, newest_closed, &mut chance), "{fault:?}");
        }
        let mut two = vec![row(99_900), row(99_840)];
        assert!(!spoil_rows(&mut two, Fault::DropRow, newest_closed, &mut chance));
        let lags = spoil_rows(&mut two, Fault::Lag, newest_closed, &mut chance);
        assert!(!lags, "an old page does not lag");
        assert!(spoil_rows(&mut two, Fault::Shuffled, newest_closed, &mut chance));
        assert_eq!(two[0].open_time, 99_840);
    }
}
