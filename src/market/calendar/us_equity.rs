//! Regular sessions of US stock exchanges; holidays come from the `exchange-hours` crate, whose rows
//! cite NYSE's own publications for 2010 to 2028.

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use exchange_hours::{Exchange, ExchangeCalendar, HolidayKind, calendar_for_exchange};

use super::{Window, local, new_york};

static NYSE: LazyLock<ExchangeCalendar> = LazyLock::new(|| calendar_for_exchange(Exchange::Nyse));

/// The day of mourning for President George H. W. Bush, which the crate lacks.
const DAY_OF_MOURNING: (i32, u32, u32) = (2018, 12, 5);

pub(super) fn trading_day(day: NaiveDate) -> Option<Window> {
    let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    if is_weekend || (day.year(), day.month(), day.day()) == DAY_OF_MOURNING {
        return None;
    }
    let open = new_york(day, 9, 30);
    let close = new_york(day, 16, 0);
    match NYSE.holiday_on(day).map(exchange_hours::Holiday::kind) {
        Some(HolidayKind::EarlyClose { close_ssm }) => {
            let early = NaiveTime::from_num_seconds_from_midnight_opt(close_ssm, 0)?;
            Some(Window::new(open, local(day, early)))
        }
        Some(HolidayKind::LateOpen { open_ssm }) => {
            let late = NaiveTime::from_num_seconds_from_midnight_opt(open_ssm, 0)?;
            Some(Window::new(local(day, late), close))
        }
        Some(HolidayKind::Closed) => None,
        _ => Some(Window::new(open, close)),
    }
}
