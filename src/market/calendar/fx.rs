//! The week of the currency market.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Weekday};

use super::{Window, new_york};

/// The UTC day, Monday to Friday; the first of January has a candle like any other.
pub(super) fn date(day: NaiveDate) -> Option<Window> {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    (!is_weekend(day)).then(|| Window::new(midnight(day), midnight(day + Days::new(1))))
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Ends at 17:00 New York on a working day, and begins at 17:00 the evening before.
pub(super) fn trading_day(day: NaiveDate) -> Option<Window> {
    let evening_before = new_york(day - Days::new(1), 17, 0);
    is_working_day(day).then(|| Window::new(evening_before, new_york(day, 17, 0)))
}

fn is_working_day(day: NaiveDate) -> bool {
    let is_holiday = match (day.month(), day.day()) {
        (12, 25) | (1, 1) => true,
        (12, 26) => day.weekday() == Weekday::Mon,
        _ => false,
    };
    !is_weekend(day) && !is_holiday
}
