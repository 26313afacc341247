//! When candles are expected: always, in the FX week of New York, or when US exchanges are open.

mod fx;
mod us_equity;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::America::New_York;

use super::{AssetClass, Timeframe, Window};

/// A market's opening hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// Never closes.
    Always,
    /// Sunday 17:00 to Friday 17:00 in New York, closed for the trading days of Christmas and New
    /// Year, which begin at 17:00 the evening before. Christmas on a Sunday closes the Monday
    /// after it instead; New Year on a Sunday closes nothing. Daylight saving moves it in UTC.
    FxWeek,
    /// Monday to Friday as whole UTC days, holidays too: what sources keep that count the hours of
    /// Sunday evening into no day.
    FxDates,
    /// Regular sessions of NYSE and Nasdaq: 09:30 to 16:00 in New York, 13:00 on short days. From
    /// 2010 to 2028 with holidays; outside of these years every weekday counts as a session.
    UsEquity,
    /// Another calendar with single days changed in the settings.
    Adjusted(&'static Adjusted),
}

/// Days on which a market does not keep its calendar. Lives as long as the program, like the
/// settings it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjusted {
    pub base: Calendar,
    pub closed: BTreeSet<NaiveDate>,
    /// Local times of New York.
    pub early_close: BTreeMap<NaiveDate, NaiveTime>,
}

/// The calendar that each class of assets keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendars {
    pub crypto: Calendar,
    pub fx: Calendar,
    /// For sources whose FX days are dates.
    pub fx_dates: Calendar,
    pub equity: Calendar,
}

impl Calendars {
    /// Without what the settings may say of single days.
    pub const REGULAR: Self = Self {
        crypto: Calendar::Always,
        fx: Calendar::FxWeek,
        fx_dates: Calendar::FxDates,
        equity: Calendar::UsEquity,
    };

    pub const fn of(self, class: AssetClass) -> Calendar {
        match class {
            AssetClass::Crypto => self.crypto,
            AssetClass::Fx => self.fx,
            AssetClass::Equity => self.equity,
        }
    }
}

impl Calendar {
    /// The stretches of `window` in which the market is open, oldest first, disjoint.
    pub fn sessions(self, window: Window) -> Vec<Window> {
        if window.is_empty() {
            return Vec::new();
        }
        if self == Self::Always {
            return vec![window];
        }
        // A trading day is named by the date on which it ends in New York.
        let first = window.start.with_timezone(&New_York).date_naive();
        let last = window.end.with_timezone(&New_York).date_naive() + Days::new(1);
        first
            .iter_days()
            .take_while(move |day| *day <= last)
            .filter_map(|day| self.trading_day(day))
            .map(|session| session.intersect(window))
            .filter(|session| !session.is_empty())
            .fold(Vec::new(), join)
    }

    /// The session that belongs to a date of New York.
    fn trading_day(self, day: NaiveDate) -> Option<Window> {
        match self {
            Self::Always => {
                Some(Window::new(new_york(day, 0, 0), new_york(day + Days::new(1), 0, 0)))
            }
            Self::FxWeek => fx::trading_day(day),
            Self::FxDates => fx::date(day),
            Self::UsEquity => us_equity::trading_day(day),
            Self::Adjusted(adjusted) => {
                let session = adjusted.base.trading_day(day)?;
                let close = adjusted.early_close.get(&day).map(|close| local(day, *close));
                let end = close.map_or(session.end, |close| close.min(session.end));
                let is_open = !adjusted.closed.contains(&day);
                Some(Window::new(session.start, end))
                    .filter(|session| is_open && !session.is_empty())
            }
        }
    }

    /// The candles of an aligned `window` that overlap a session, as aligned runs, oldest first.
    pub fn expected(self, window: Window, timeframe: Timeframe) -> Vec<Window> {
        self.sessions(window.align(timeframe))
            .into_iter()
            .map(|session| session.align(timeframe))
            .fold(Vec::new(), join)
    }

    /// Whether the market is open at some moment of `window`.
    pub fn opens_in(self, window: Window) -> bool {
        self == Self::Always || !self.sessions(window).is_empty()
    }

    /// Whether the market is open at `at`.
    pub fn is_open(self, at: DateTime<Utc>) -> bool {
        self.opens_in(Window::new(at, at + TimeDelta::microseconds(1)))
    }
}

/// Appends a run, joining it to the one before where they touch or overlap.
fn join(mut runs: Vec<Window>, next: Window) -> Vec<Window> {
    match runs.last_mut() {
        Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
        _ => runs.push(next),
    }
    runs
}

fn new_york(day: NaiveDate, hour: u32, minute: u32) -> DateTime<Utc> {
    local(day, NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default())
}

/// Clocks change at 02:00, and no session begins or ends then.
fn local(day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    New_York
        .from_local_datetime(&day.and_time(time))
        .earliest()
        .map_or(DateTime::<Utc>::MAX_UTC, |at| at.to_utc())
}

#[cfg(test)]
mod tests;
