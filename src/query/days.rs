//! A series day by day: how many candles are in which state, and one word for the day.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::market::{CandleState, Run, Timeframe, Window};

/// The one word for a day, by the worst that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Every candle that is owed is in the lake, or confirmed not to exist.
    Available,
    /// Nothing is owed, and some candles were refused or are told differently elsewhere.
    Degraded,
    /// Candles are owed that were not asked for yet.
    Pending,
    /// Candles were asked for and not given.
    Missing,
    /// No candle is expected.
    Closed,
}

impl Condition {
    pub const ALL: [Self; 5] =
        [Self::Available, Self::Degraded, Self::Pending, Self::Missing, Self::Closed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Degraded => "degraded",
            Self::Pending => "pending",
            Self::Missing => "missing",
            Self::Closed => "closed",
        }
    }
}

/// A UTC day, or the part of it that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub start: DateTime<Utc>,
    pub candles: BTreeMap<CandleState, i64>,
    /// Candles that are told differently elsewhere.
    pub findings: i64,
}

impl Day {
    pub fn condition(&self) -> Condition {
        let has = |state| self.candles.contains_key(&state);
        if has(CandleState::Missing) {
            Condition::Missing
        } else if has(CandleState::Pending) {
            Condition::Pending
        } else if has(CandleState::Quarantined) || self.findings > 0 {
            Condition::Degraded
        } else if has(CandleState::Final) || has(CandleState::NoTrade) {
            Condition::Available
        } else {
            Condition::Closed
        }
    }
}

/// The days of `window`, oldest first; `states` partition it, `findings` are by day since 1970.
pub fn days(
    states: &[Run<CandleState>],
    window: Window,
    timeframe: Timeframe,
    findings: &BTreeMap<i64, i64>,
) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    if window.is_empty() {
        return days;
    }
    for day in window.align(Timeframe::D1).open_times(Timeframe::D1) {
        let number = day.timestamp().div_euclid(Timeframe::D1.seconds());
        let findings = findings.get(&number).copied().unwrap_or_default();
        days.push(Day { start: day, candles: BTreeMap::new(), findings });
    }
    let first = days.first().map_or(window.start, |day| day.start);
    for run in states {
        let mut at = run.window.start;
        while at < run.window.end {
            let day = Timeframe::D1.floor(at);
            let end = (day + Timeframe::D1.duration()).min(run.window.end);
            let number = usize::try_from((day - first).num_days()).unwrap_or_default();
            *days[number].candles.entry(run.value).or_default() +=
                Window::new(at, end).candles(timeframe);
            at = end;
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Nothing of a window is lost between its days, and nothing is in two of them.
        #[test]
        fn the_states_of_a_day_add_up_to_its_candles(
            timeframe in prop::sample::select(&Timeframe::ALL[..]),
            first in 0_i64..20_000,
            lengths in prop::collection::vec((1_i64..3_000, 0_usize..8), 0..20),
        ) {
            let start = DateTime::from_timestamp(first * timeframe.seconds(), 0).unwrap();
            let (mut at, mut states) = (start, Vec::new());
            for (length, state) in lengths {
                let window = Window::of_candles(at, timeframe, length);
                states.push(Run { window, value: CandleState::ALL[state] });
                at = window.end;
            }
            let window = Window::new(start, at);
            let days = days(&states, window, timeframe, &BTreeMap::new());
            for day in &days {
                let whole = Window::new(day.start, day.start + Timeframe::D1.duration());
                let expected = whole.intersect(window).candles(timeframe);
                prop_assert_eq!(day.candles.values().sum::<i64>(), expected);
                prop_assert!(day.candles.values().all(|count| *count > 0));
            }
            let all: i64 = days.iter().flat_map(|day| day.candles.values()).sum();
            prop_assert_eq!(all, window.candles(timeframe));
            let of = |state| days.iter().filter_map(|day| day.candles.get(&state)).sum::<i64>();
            for state in CandleState::ALL {
                prop_assert_eq!(of(state), crate::market::candles_in(state, &states, timeframe));
            }
        }

        /// What is worst decides, whatever else there is.
        #[test]
        fn a_day_is_as_good_as_the_worst_of_it(
            present in prop::sample::subsequence(CandleState::ALL.to_vec(), 0..=8),
            findings in 0_i64..2,
        ) {
            let candles = present.iter().map(|state| (*state, 1)).collect();
            let day = Day { start: DateTime::UNIX_EPOCH, candles, findings };
            let owes = present.iter().any(|state| state.is_gap());
            let condition = day.condition();
            prop_assert_eq!(matches!(condition, Condition::Pending | Condition::Missing), owes);
            if condition == Condition::Available {
                prop_assert!(!present.contains(&CandleState::Quarantined) && findings == 0);
            }
        }
    }
}
