//! Half-open stretches of time on a candle grid.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Timeframe;

/// `[start, end)`. Empty when `end <= start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Window {
    pub const fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self { start, end }
    }

    /// `count` candles from `start` on.
    pub fn of_candles(start: DateTime<Utc>, timeframe: Timeframe, count: i64) -> Self {
        Self { start, end: start + TimeDelta::seconds(timeframe.seconds() * count) }
    }

    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    pub fn contains(self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    pub fn intersect(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// The smallest window that covers both.
    pub fn hull(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The smallest window on the grid that covers this one.
    pub fn align(self, timeframe: Timeframe) -> Self {
        Self { start: timeframe.floor(self.start), end: timeframe.ceil(self.end) }
    }

    /// How many candles open inside an aligned window.
    pub fn candles(self, timeframe: Timeframe) -> i64 {
        ((self.end - self.start).num_seconds() / timeframe.seconds()).max(0)
    }

    /// Open times inside, oldest first.
    pub fn open_times(self, timeframe: Timeframe) -> impl Iterator<Item = DateTime<Utc>> {
        let first = timeframe.ceil(self.start);
        let count = Self::new(first, self.end.max(first)).align(timeframe).candles(timeframe);
        (0..count).map(move |n| first + TimeDelta::seconds(timeframe.seconds() * n))
    }

    /// Consecutive pieces of at most `count` candles, oldest first; together they are the window.
    pub fn chunks(self, timeframe: Timeframe, count: i64) -> impl Iterator<Item = Self> {
        let step = TimeDelta::seconds(timeframe.seconds() * count.max(1));
        let mut start = self.start;
        std::iter::from_fn(move || {
            if start >= self.end {
                return None;
            }
            let chunk = Self { start, end: (start + step).min(self.end) };
            start = chunk.end;
            Some(chunk)
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(f, "[{}, {})", text(self.start), text(self.end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn t06_chunks_are_disjoint_ordered_bounded_and_complete(
            timeframe in prop::sample::select(&Timeframe::ALL[..]),
            first in 0_i64..2_000_000,
            length in 0_i64..5_000,
            page in 1_i64..400,
        ) {
            let start = DateTime::from_timestamp(first * timeframe.seconds(), 0).unwrap();
            let window = Window::of_candles(start, timeframe, length);
            let chunks: Vec<_> = window.chunks(timeframe, page).collect();
            prop_assert_eq!(chunks.len() as i64, (length + page - 1) / page);
            let mut at = window.start;
            for chunk in &chunks {
                prop_assert_eq!(chunk.start, at);
                prop_assert!(chunk.candles(timeframe) <= page && !chunk.is_empty());
                at = chunk.end;
            }
            prop_assert_eq!(at, window.end.max(window.start));
            prop_assert_eq!(window.open_times(timeframe).count() as i64, length);
        }

        #[test]
        fn alignment_covers_and_is_minimal(
            timeframe in prop::sample::select(&Timeframe::ALL[..]),
            start in 0_i64..2_000_000_000,
            length in 0_i64..10_000_000,
        ) {
            let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
            let window = Window::new(at(start), at(start + length));
            let aligned = window.align(timeframe);
            prop_assert!(aligned.start <= window.start && window.end <= aligned.end);
            prop_assert!(window.start - aligned.start < timeframe.duration());
            prop_assert!(aligned.end - window.end < timeframe.duration());
            prop_assert_eq!(aligned, aligned.align(timeframe));
        }
    }
}
