//! Where candles begin: minutes and hours on the clock, longer ones at an hour of somebody's day.

use chrono::{DateTime, Days, NaiveDate, TimeZone};
use chrono_tz::{America::New_York, Tz};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// `dailyAlignment` and `alignmentTimezone`, which concern candles of more than an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alignment {
    pub(super) hour: u32,
    pub(super) zone: Tz,
}

impl Default for Alignment {
    fn default() -> Self {
        Self { hour: 17, zone: New_York }
    }
}

/// The candles of one length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Seconds; a day may be an hour longer or shorter.
    pub(super) length: i64,
    pub(super) alignment: Alignment,
}

impl Grid {
    /// When the candle that contains `at` opens, unix seconds like all of these.
    pub(super) fn floor(self, at: i64) -> i64 {
        if self.length <= HOUR {
            return at.div_euclid(self.length) * self.length;
        }
        let day = self.day_start(at);
        if self.length >= DAY { day } else { day + (at - day) / self.length * self.length }
    }

    /// When the candle that opens at `open` closes and the next one opens. Days begin at their hour
    /// also when clocks change; what is left of an odd one is a candle of its own.
    pub(super) fn next(self, open: i64) -> i64 {
        let next = open + self.length;
        if self.length <= HOUR {
            return next;
        }
        let next_day = self.day_start(self.day_start(open) + 26 * HOUR);
        if self.length >= DAY { next_day } else { next.min(next_day) }
    }

    /// The last candle that opens before `open`.
    pub(super) fn previous(self, open: i64) -> i64 {
        self.floor(open - 1)
    }

    /// Candles that open within `[first, end)`, where `first` is an open time.
    pub(super) fn buckets(self, first: i64, end: i64) -> impl Iterator<Item = (i64, i64)> {
        let opens = std::iter::successors(Some(first), move |open| Some(self.next(*open)));
        let opens = opens.take_while(move |open| *open < end);
        opens.map(move |open| (open, self.next(open)))
    }

    /// When the day that contains `at` begins.
    fn day_start(self, at: i64) -> i64 {
        let Alignment { hour, zone } = self.alignment;
        let Some(instant) = DateTime::from_timestamp(at, 0) else { return at };
        let date = instant.with_timezone(&zone).date_naive();
        let start = |date: NaiveDate| {
            // An hour that clocks leave out begins an hour later.
            let local = (hour..hour + 2).find_map(|hour| {
                zone.from_local_datetime(&date.and_hms_opt(hour, 0, 0)?).earliest()
            });
            local.map_or(at, |start| start.timestamp())
        };
        let today = start(date);
        if today <= at { today } else { start(date - Days::new(1)) }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::UTC;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp()
    }

    #[test]
    fn t12_days_begin_at_five_in_new_york_in_summer_and_in_winter() {
        let day = Grid { length: DAY, alignment: Alignment::default() };
        assert_eq!(day.floor(at("2021-08-30T12:00:00Z")), at("2021-08-29T21:00:00Z"));
        assert_eq!(day.floor(at("2021-01-13T12:00:00Z")), at("2021-01-12T22:00:00Z"));
        // Clocks go back on Sunday: that day has 25 hours.
        let saturday = at("2020-10-31T21:00:00Z");
        assert_eq!(day.next(saturday), at("2020-11-01T22:00:00Z"));
        let four_hours = Grid { length: 4 * HOUR, alignment: Alignment::default() };
        assert_eq!(four_hours.floor(at("2021-08-30T12:00:00Z")), at("2021-08-30T09:00:00Z"));
        assert_eq!(four_hours.floor(at("2021-01-13T12:00:00Z")), at("2021-01-13T10:00:00Z"));
    }

    proptest! {
        /// Whoever goes from one candle to the next passes every moment once.
        #[test]
        fn candles_follow_each_other_without_gap(
            at in 1_500_000_000_i64..1_800_000_000,
            length in prop::sample::select(&[60_i64, 900, HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, DAY][..]),
            hour in 0_u32..24,
            zone in prop::sample::select(&[New_York, UTC][..]),
        ) {
            let grid = Grid { length, alignment: Alignment { hour, zone } };
            let open = grid.floor(at);
            prop_assert!(open <= at && at < grid.next(open));
            prop_assert_eq!(grid.floor(open), open);
            prop_assert_eq!(grid.floor(grid.next(open)), grid.next(open));
            prop_assert_eq!(grid.previous(grid.next(open)), open);
        }

        #[test]
        fn candles_aligned_to_the_utc_day_are_the_markets(at in 1_500_000_000_i64..1_800_000_000) {
            let alignment = Alignment { hour: 0, zone: UTC };
            for length in [HOUR, 4 * HOUR, DAY] {
                let grid = Grid { length, alignment };
                prop_assert_eq!(grid.floor(at), at / length * length);
                prop_assert_eq!(grid.next(grid.floor(at)), at / length * length + length);
            }
        }
    }
}
