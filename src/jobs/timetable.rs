//! When each series is due: its candle has closed, settled, and waited for its place in the spread.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, TimeDelta, Utc};

use crate::market::{Series, Timeframe};

/// One tick per candle of each series.
#[derive(Debug)]
pub struct Timetable {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    series: Series,
    /// From the open time of the next candle to the tick for the one before.
    after_close: TimeDelta,
}

impl Timetable {
    /// When the candle of a series has settled, plus a fixed share of `spread` per series, so that
    /// many series are not due in the same millisecond.
    pub fn new(settling: impl IntoIterator<Item = (Series, TimeDelta)>, spread: TimeDelta) -> Self {
        let entry = |(series, settle): (Series, TimeDelta)| {
            let after_close = settle + share(&series, spread);
            Entry { series, after_close }
        };
        Self { entries: settling.into_iter().map(entry).collect() }
    }

    /// When the next tick of a timeframe is due.
    pub fn next(&self, timeframe: Timeframe, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let of_it = self.entries.iter().filter(|entry| entry.series.timeframe == timeframe);
        let next = of_it.map(|entry| {
            timeframe.floor(now - entry.after_close) + timeframe.duration() + entry.after_close
        });
        next.min()
    }

    /// The series with at least one tick in `(after, until]`, each once.
    pub fn due(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = &Series> + '_ {
        let is_due = move |entry: &&Entry| {
            let candle = |at: DateTime<Utc>| entry.series.timeframe.floor(at - entry.after_close);
            candle(after) < candle(until)
        };
        self.entries.iter().filter(is_due).map(|entry| &entry.series)
    }
}

fn share(series: &Series, spread: TimeDelta) -> TimeDelta {
    let mut hasher = DefaultHasher::new();
    series.hash(&mut hasher);
    let part = (hasher.finish() % 1_000) as i32;
    spread * part / 1_000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    proptest! {
        /// However the heartbeats fall, each candle makes its series due exactly once.
        #[test]
        fn t24_no_candle_is_skipped_or_ticked_twice(
            steps in prop::collection::vec(1_i64..59, 1..200),
            settle in 0_i64..120,
        ) {
            let series: Series = "coinbase/BTCUSD/1m".parse().unwrap();
            let settling = [(series, TimeDelta::seconds(settle))];
            let timetable = Timetable::new(settling, TimeDelta::seconds(10));
            let (mut now, mut ticks) = (0, 0);
            for step in &steps {
                ticks += timetable.due(at(now), at(now + step)).count() as i64;
                now += step;
            }
            prop_assert!((ticks - now / 60).abs() <= 1, "{ticks} ticks in {now} seconds");
        }
    }

    #[test]
    fn six_hundred_series_are_not_due_in_the_same_second() {
        let series = |n| format!("coinbase/C{n:03}USD/1m").parse().unwrap();
        let settling = (0..600).map(|n| (series(n), TimeDelta::seconds(75)));
        let timetable = Timetable::new(settling, TimeDelta::seconds(10));
        let mut total = 0;
        for second in 0..60 {
            let due = timetable.due(at(second), at(second + 1)).count();
            assert!(due < 120, "{due} at once");
            total += due;
        }
        assert_eq!(total, 600);
    }

    #[test]
    fn a_step_back_in_time_makes_nothing_due() {
        let series: Series = "coinbase/BTCUSD/1m".parse().unwrap();
        let timetable = Timetable::new([(series, TimeDelta::seconds(75))], TimeDelta::zero());
        assert_eq!(timetable.due(at(600), at(0)).count(), 0);
    }
}
