//! When candles are expected: always, or in the FX week of New York.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
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
}

impl Calendar {
    /// `None` where Barkeep does not know the market's hours.
    pub fn of(class: AssetClass) -> Option<Self> {
        match class {
            AssetClass::Crypto => Some(Self::Always),
            AssetClass::Fx => Some(Self::FxWeek),
            AssetClass::Equity => None,
        }
    }

    /// The stretches of `window` in which the market is open, oldest first, disjoint.
    pub fn sessions(self, window: Window) -> Vec<Window> {
        if window.is_empty() {
            return Vec::new();
        }
        match self {
            Self::Always => vec![window],
            Self::FxWeek => fx_days(window)
                .map(|day| day.intersect(window))
                .filter(|day| !day.is_empty())
                .fold(Vec::new(), join),
        }
    }

    /// The candles of an aligned `window` that overlap a session, as aligned runs, oldest first.
    pub fn expected(self, window: Window, timeframe: Timeframe) -> Vec<Window> {
        self.sessions(window.align(timeframe))
            .into_iter()
            .map(|session| session.align(timeframe))
            .fold(Vec::new(), join)
    }

    /// Whether the market is open at `at`.
    pub fn is_open(self, at: DateTime<Utc>) -> bool {
        let moment = Window::new(at, at + chrono::TimeDelta::microseconds(1));
        !self.sessions(moment).is_empty()
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

/// The FX trading days that may touch `window`: each ends at 17:00 New York on a working day.
fn fx_days(window: Window) -> impl Iterator<Item = Window> {
    let first = window.start.with_timezone(&New_York).date_naive();
    let last = window.end.with_timezone(&New_York).date_naive() + Days::new(1);
    first
        .iter_days()
        .take_while(move |day| *day <= last)
        .filter(|day| is_fx_day(*day))
        .map(|day| Window::new(five_pm_new_york(day - Days::new(1)), five_pm_new_york(day)))
}

fn is_fx_day(day: NaiveDate) -> bool {
    let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let is_holiday = match (day.month(), day.day()) {
        (12, 25) | (1, 1) => true,
        (12, 26) => day.weekday() == Weekday::Mon,
        _ => false,
    };
    !is_weekend && !is_holiday
}

fn five_pm_new_york(day: NaiveDate) -> DateTime<Utc> {
    let five_pm = NaiveTime::from_hms_opt(17, 0, 0).unwrap_or_default();
    // Clocks change at 02:00, so 17:00 exists exactly once on every day.
    New_York
        .from_local_datetime(&day.and_time(five_pm))
        .earliest()
        .map_or(DateTime::<Utc>::MAX_UTC, |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn window(start: &str, end: &str) -> Window {
        Window::new(at(start), at(end))
    }

    #[test]
    fn t25_the_fx_week_follows_new_york_through_both_clock_changes() {
        // Clocks go forward on Sunday 8 March 2020 and back on Sunday 1 November 2020.
        let cases = [
            ("2020-03-06T00:00:00Z", "2020-03-06T22:00:00Z", "2020-03-08T21:00:00Z"),
            ("2020-07-03T00:00:00Z", "2020-07-03T21:00:00Z", "2020-07-05T21:00:00Z"),
            ("2020-10-30T00:00:00Z", "2020-10-30T21:00:00Z", "2020-11-01T22:00:00Z"),
        ];
        for (start, friday_close, sunday_open) in cases {
            let week = Window::new(at(start), at(start) + chrono::TimeDelta::days(4));
            let sessions = Calendar::FxWeek.sessions(week);
            assert_eq!(sessions.len(), 2, "{start}");
            assert_eq!(sessions[0].end, at(friday_close));
            assert_eq!(sessions[1].start, at(sunday_open));
        }
    }

    #[test]
    fn christmas_closes_from_the_evening_before() {
        let sessions =
            Calendar::FxWeek.sessions(window("2023-12-18T00:00:00Z", "2023-12-29T00:00:00Z"));
        let edges: Vec<_> = sessions.iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(
            edges,
            [
                (at("2023-12-18T00:00:00Z"), at("2023-12-22T22:00:00Z")),
                (at("2023-12-25T22:00:00Z"), at("2023-12-29T00:00:00Z")),
            ]
        );
    }

    #[test]
    fn christmas_on_a_sunday_is_kept_on_monday_but_new_year_is_not() {
        let sessions =
            Calendar::FxWeek.sessions(window("2022-12-22T00:00:00Z", "2023-01-04T00:00:00Z"));
        let edges: Vec<_> = sessions.iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(
            edges,
            [
                (at("2022-12-22T00:00:00Z"), at("2022-12-23T22:00:00Z")),
                (at("2022-12-26T22:00:00Z"), at("2022-12-30T22:00:00Z")),
                (at("2023-01-01T22:00:00Z"), at("2023-01-04T00:00:00Z")),
            ]
        );
        assert!(Calendar::FxWeek.is_open(at("2023-12-26T12:00:00Z")), "a Tuesday");
    }

    #[test]
    fn a_daily_candle_is_expected_when_any_part_of_it_trades() {
        let week = window("2024-06-03T00:00:00Z", "2024-06-10T00:00:00Z");
        let days: i64 = Calendar::FxWeek
            .expected(week, Timeframe::D1)
            .iter()
            .map(|run| run.candles(Timeframe::D1))
            .sum();
        assert_eq!(days, 6, "Monday to Friday and the short Sunday");
        assert!(!Calendar::FxWeek.is_open(at("2024-06-08T12:00:00Z")));
        assert!(Calendar::FxWeek.is_open(at("2024-06-09T21:00:00Z")));
    }

    proptest! {
        #[test]
        fn t25_an_fx_week_has_a_whole_number_of_hours_whatever_the_season(week in 0_u64..1_500) {
            let sunday = NaiveDate::from_ymd_opt(2000, 1, 2).unwrap() + Days::new(7 * week);
            let open = five_pm_new_york(sunday);
            let whole = Window::new(open, five_pm_new_york(sunday + Days::new(7)));
            let hours: i64 = Calendar::FxWeek
                .sessions(whole)
                .iter()
                .map(|s| (s.end - s.start).num_hours())
                .sum();
            let span = (whole.end - whole.start).num_hours();
            prop_assert!((167..=169).contains(&span));
            prop_assert!(hours <= 120 && hours % 24 == 0, "{hours}");
        }

        #[test]
        fn open_and_closed_partition_any_window(
            start in 900_000_000_i64..1_900_000_000,
            hours in 1_i64..2_000,
        ) {
            let start = Timeframe::H1.floor(DateTime::from_timestamp(start, 0).unwrap());
            let window = Window::of_candles(start, Timeframe::H1, hours);
            let expected = Calendar::FxWeek.expected(window, Timeframe::H1);
            for pair in expected.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
            for open_time in window.open_times(Timeframe::H1) {
                let listed = expected.iter().any(|run| run.contains(open_time));
                prop_assert_eq!(listed, Calendar::FxWeek.is_open(open_time));
            }
        }
    }
}
