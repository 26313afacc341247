//! The week of the currency market.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Weekday};

use super::{Window, new_york};

/// The UTC day of a working day.
pub(super) fn date(day: NaiveDate) -> Option<Window> {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    is_working_day(day).then(|| Window::new(midnight(day), midnight(day + Days::new(1))))
}

/// Ends at 17:00 New York on a working day, and begins at 17:00 the evening before.
pub(super) fn trading_day(day: NaiveDate) -> Option<Window> {
    let evening_before = new_york(day - Days::new(1), 17, 0);
    is_working_day(day).then(|| Window::new(evening_before, new_york(day, 17, 0)))
}

fn is_working_day(day: NaiveDate) -> bool {
    let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let is_holiday = match (day.month(), day.day()) {
        (12, 25) | (1, 1) => true,
        (12, 26) => day.weekday() == Weekday::Mon,
        _ => false,
    };
    !is_weekend && !is_holiday
}
