//! When something trades, minute by minute: the market's calendar, read in passing.

use chrono::{DateTime, TimeDelta};

use super::listing::MINUTE;
use crate::market::{Calendar, Window};

const DAY: i64 = 24 * 60;

/// How many days of the calendar are looked up at once, at first and at most. A single candle needs
/// few, years of them many.
const DAYS: (i64, i64) = (4, 64);

/// A reader of trading hours that goes forward in time. Minutes are counted from 1970.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    calendar: Calendar,
    /// Stretches `[first, end)` in which the market is open, ascending.
    open: Vec<(i64, i64)>,
    /// Everything before is in `open`; `None` before the first question.
    known_until: Option<i64>,
    days: i64,
    passed: usize,
}

impl Sessions {
    pub(super) fn of(calendar: Calendar) -> Self {
        let (open, known_until) = match calendar {
            Calendar::Always => (vec![(i64::MIN, i64::MAX)], Some(i64::MAX)),
            _ => (Vec::new(), None),
        };
        Self { calendar, open, known_until, days: DAYS.0, passed: 0 }
    }

    /// The open stretches within `[first, end)`. No question may reach back behind the one before.
    pub(super) fn within(&mut self, first: i64, end: i64) -> impl Iterator<Item = (i64, i64)> {
        let mut known_until = self.known_until.unwrap_or(first);
        while known_until < end {
            known_until = self.look_up(known_until);
        }
        while self.open.get(self.passed).is_some_and(|stretch| stretch.1 <= first) {
            self.passed += 1;
        }
        let stretches = self.open[self.passed..].iter().take_while(move |stretch| stretch.0 < end);
        stretches.map(move |stretch| (stretch.0.max(first), stretch.1.min(end)))
    }

    /// Reads the next days of the calendar; what lies outside of all calendars is closed.
    fn look_up(&mut self, from: i64) -> i64 {
        let until = from + self.days * DAY;
        self.days = (self.days * 2).min(DAYS.1);
        self.known_until = Some(until);
        if let Some(start) = DateTime::from_timestamp(from * MINUTE, 0) {
            let window = Window::new(start, start + TimeDelta::minutes(until - from));
            let minute = |at: DateTime<_>| at.timestamp().div_euclid(MINUTE);
            let sessions = self.calendar.sessions(window).into_iter();
            self.open.extend(sessions.map(|one| (minute(one.start), minute(one.end))));
        }
        until
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the reader comes to a minute, it is open when the calendar says so.
        #[test]
        fn a_minute_is_open_when_the_calendar_says_so(
            start in 24_000_000_i64..30_000_000,
            steps in prop::collection::vec((0_i64..20_000, 1_i64..3_000), 1..20),
            calendar in prop::sample::select(
                &[Calendar::Always, Calendar::FxWeek, Calendar::UsEquity][..]
            ),
        ) {
            let mut sessions = Sessions::of(calendar);
            let mut first = start;
            for (skipped, length) in steps {
                first += skipped;
                let open: Vec<_> = sessions.within(first, first + length).collect();
                for minute in [first, first + length / 2, first + length - 1] {
                    let at = DateTime::from_timestamp(minute * MINUTE, 0).unwrap();
                    let is_listed = open.iter().any(|(from, to)| (*from..*to).contains(&minute));
                    prop_assert_eq!(is_listed, calendar.is_open(at), "{}", at);
                }
            }
        }
    }
}
