//! Hours, holidays and both changes of the clock.

use chrono::Datelike;
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
        let open = new_york(sunday, 17, 0);
        let whole = Window::new(open, new_york(sunday + Days::new(7), 17, 0));
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

/// Every date from 2020 to 2026 on which NYSE was or will be closed, weekends left out.
const NYSE_CLOSED: [&str; 68] = [
    "2020-01-01",
    "2020-01-20",
    "2020-02-17",
    "2020-04-10",
    "2020-05-25",
    "2020-07-03",
    "2020-09-07",
    "2020-11-26",
    "2020-12-25",
    "2021-01-01",
    "2021-01-18",
    "2021-02-15",
    "2021-04-02",
    "2021-05-31",
    "2021-07-05",
    "2021-09-06",
    "2021-11-25",
    "2021-12-24",
    "2022-01-17",
    "2022-02-21",
    "2022-04-15",
    "2022-05-30",
    "2022-06-20",
    "2022-07-04",
    "2022-09-05",
    "2022-11-24",
    "2022-12-26",
    "2023-01-02",
    "2023-01-16",
    "2023-02-20",
    "2023-04-07",
    "2023-05-29",
    "2023-06-19",
    "2023-07-04",
    "2023-09-04",
    "2023-11-23",
    "2023-12-25",
    "2024-01-01",
    "2024-01-15",
    "2024-02-19",
    "2024-03-29",
    "2024-05-27",
    "2024-06-19",
    "2024-07-04",
    "2024-09-02",
    "2024-11-28",
    "2024-12-25",
    "2025-01-01",
    "2025-01-09",
    "2025-01-20",
    "2025-02-17",
    "2025-04-18",
    "2025-05-26",
    "2025-06-19",
    "2025-07-04",
    "2025-09-01",
    "2025-11-27",
    "2025-12-25",
    "2026-01-01",
    "2026-01-19",
    "2026-02-16",
    "2026-04-03",
    "2026-05-25",
    "2026-06-19",
    "2026-07-03",
    "2026-09-07",
    "2026-11-26",
    "2026-12-25",
];

/// Days that end at 13:00.
const NYSE_SHORT: [&str; 14] = [
    "2020-11-27",
    "2020-12-24",
    "2021-11-26",
    "2022-11-25",
    "2023-07-03",
    "2023-11-24",
    "2024-07-03",
    "2024-11-29",
    "2024-12-24",
    "2025-07-03",
    "2025-11-28",
    "2025-12-24",
    "2026-11-27",
    "2026-12-24",
];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn session(of: NaiveDate) -> Option<Window> {
    Calendar::UsEquity.trading_day(of)
}

#[test]
fn stock_exchanges_keep_the_holidays_that_everybody_knows() {
    let from = day("2020-01-01");
    for date in from.iter_days().take_while(|date| *date < day("2027-01-01")) {
        let is_weekend = date.weekday().number_from_monday() > 5;
        let is_closed = is_weekend || NYSE_CLOSED.contains(&date.to_string().as_str());
        assert_eq!(session(date).is_none(), is_closed, "{date}");
        if let Some(session) = session(date) {
            let is_short = NYSE_SHORT.contains(&date.to_string().as_str());
            let minutes = (session.end - session.start).num_minutes();
            assert_eq!(minutes, if is_short { 210 } else { 390 }, "{date}");
        }
    }
    assert_eq!(session(day("2018-12-05")), None);
}

#[test]
fn t25_a_session_begins_at_half_past_nine_in_new_york_in_both_seasons() {
    for (date, open) in
        [("2024-07-02", "2024-07-02T13:30:00Z"), ("2024-12-03", "2024-12-03T14:30:00Z")]
    {
        let session = session(day(date)).unwrap();
        assert_eq!(session.start, at(open));
        let hours = Calendar::UsEquity.expected(session, Timeframe::H1);
        let first = Timeframe::H1.floor(at(open));
        assert_eq!(hours, [Window::of_candles(first, Timeframe::H1, 7)], "the first is half open");
        let quarters = Calendar::UsEquity.expected(session, Timeframe::M15);
        assert_eq!(quarters[0].candles(Timeframe::M15), 26);
    }
}

#[test]
fn a_daily_candle_of_a_stock_is_expected_on_session_dates_and_no_others() {
    let week = window("2024-11-25T00:00:00Z", "2024-12-02T00:00:00Z");
    let dates: Vec<_> = Calendar::UsEquity
        .expected(week, Timeframe::D1)
        .iter()
        .flat_map(|run| run.open_times(Timeframe::D1))
        .map(|at| at.date_naive().to_string())
        .collect();
    assert_eq!(dates, ["2024-11-25", "2024-11-26", "2024-11-27", "2024-11-29"]);
}

#[test]
fn t12_a_year_has_its_fridays_of_currencies_however_days_are_counted() {
    // Of the 53 Fridays of 2021 the first is New Year.
    for (year, holidays, fridays) in [(2021, 1, 52), (2023, 0, 52), (2024, 0, 52)] {
        let start = at(&format!("{year}-01-01T00:00:00Z"));
        let whole = Window::new(start, at(&format!("{}-01-01T00:00:00Z", year + 1)));
        for (calendar, fridays) in
            [(Calendar::FxWeek, fridays), (Calendar::FxDates, fridays + holidays)]
        {
            let days = calendar.expected(whole, Timeframe::D1);
            let days = days.iter().flat_map(|run| run.open_times(Timeframe::D1));
            let found = days.filter(|at| at.weekday() == chrono::Weekday::Fri).count();
            assert_eq!(found, fridays, "{year} by {calendar:?}");
        }
    }
}

#[test]
fn days_that_are_dates_have_no_sunday() {
    let week = window("2024-06-03T00:00:00Z", "2024-06-10T00:00:00Z");
    let monday_to_friday = window("2024-06-03T00:00:00Z", "2024-06-08T00:00:00Z");
    assert_eq!(Calendar::FxDates.expected(week, Timeframe::D1), [monday_to_friday]);
}

#[test]
fn t28_the_last_minute_of_a_session_is_due_though_no_tick_follows() {
    let evening = window("2024-06-07T19:58:00Z", "2024-06-08T12:00:00Z");
    let minutes = Calendar::UsEquity.expected(evening, Timeframe::M1);
    assert_eq!(minutes, [window("2024-06-07T19:58:00Z", "2024-06-07T20:00:00Z")]);
}

#[test]
fn t29_the_closing_auction_is_no_minute_of_its_own() {
    assert!(!Calendar::UsEquity.is_open(at("2024-06-07T20:00:00Z")));
    assert!(Calendar::UsEquity.is_open(at("2024-06-07T19:59:59Z")));
    assert!(!Calendar::UsEquity.is_open(at("2024-06-07T13:29:59Z")));
}

#[test]
fn settings_close_single_days_or_end_them_early() {
    let adjusted: &'static Adjusted = Box::leak(Box::new(Adjusted {
        base: Calendar::UsEquity,
        closed: BTreeSet::from([day("2024-06-04")]),
        early_close: BTreeMap::from([(
            day("2024-06-05"),
            NaiveTime::from_hms_opt(12, 0, 0).unwrap(),
        )]),
    }));
    let sessions = Calendar::Adjusted(adjusted)
        .sessions(window("2024-06-03T00:00:00Z", "2024-06-07T00:00:00Z"));
    let ends: Vec<_> = sessions.iter().map(|session| session.end).collect();
    let expected = ["2024-06-03T20:00:00Z", "2024-06-05T16:00:00Z", "2024-06-06T20:00:00Z"];
    assert_eq!(ends, expected.map(at));
}

proptest! {
    #[test]
    fn sessions_of_stocks_are_disjoint_ordered_and_of_known_length(week in 0_u64..900) {
        let monday = day("2010-01-04") + Days::new(7 * week);
        let start = new_york(monday, 0, 0);
        let sessions = Calendar::UsEquity.sessions(Window::new(start, start + TimeDelta::days(7)));
        prop_assert!((2..=5).contains(&sessions.len()));
        for session in &sessions {
            let minutes = (session.end - session.start).num_minutes();
            prop_assert!(minutes == 390 || minutes == 210, "{session}");
        }
        for pair in sessions.windows(2) {
            prop_assert!(pair[0].end < pair[1].start);
        }
    }
}
