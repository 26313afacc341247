//! The week of the currency market.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::{Window, new_york};

/// Ends at 17:00 New York on a working day, and begins at 17:00 the evening before.
pub(super) fn trading_day(day: NaiveDate) -> Option<Window> {
    let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let is_holiday = match (day.month(), day.day()) {
        (12, 25) | (1, 1) => true,
        (12, 26) => day.weekday() == Weekday::Mon,
        _ => false,
    };
    let evening_before = new_york(day - Days::new(1), 17, 0);
    (!is_weekend && !is_holiday).then(|| Window::new(evening_before, new_york(day, 17, 0)))
}
