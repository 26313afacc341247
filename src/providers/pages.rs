//! How few requests will do.

use chrono::TimeDelta;

use crate::market::{Timeframe, Window};

/// Windows of at most `page` candles that cover `wanted` (aligned, disjoint, oldest first).
///
/// Greedy: each window begins with the first candle not covered yet, so stretches in which the
/// market is closed are skipped where that saves a request. No other cover has fewer windows. For
/// a market that never closes these are ⌈candles ∕ page⌉ requests.
pub fn pages(wanted: &[Window], timeframe: Timeframe, page: i64) -> Vec<Window> {
    let longest = TimeDelta::seconds(timeframe.seconds() * page.max(1));
    let mut pages: Vec<Window> = Vec::new();
    for run in wanted {
        let mut rest = *run;
        if let Some(last) = pages.last_mut() {
            let reach = last.start + longest;
            if rest.start < reach {
                last.end = rest.end.min(reach);
                rest.start = last.end;
            }
        }
        pages.extend(rest.chunks(timeframe, page));
    }
    pages
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::market::Calendar;

    fn minute(n: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_040 + n * 60, 0).unwrap()
    }

    /// By trying every possible cover: the fewest windows for the candles of `wanted`.
    fn fewest(wanted: &[i64], page: i64) -> usize {
        let mut best = vec![0; wanted.len() + 1];
        for from in (0..wanted.len()).rev() {
            let fits = wanted[from..].iter().take_while(|n| **n < wanted[from] + page).count();
            best[from] = (1..=fits).map(|taken| 1 + best[from + taken]).min().unwrap();
        }
        best[0]
    }

    proptest! {
        #[test]
        fn every_wanted_candle_is_asked_for_with_the_fewest_requests(
            gaps in prop::collection::vec((0_i64..30, 1_i64..30), 1..8),
            page in 1_i64..40,
        ) {
            let (mut wanted, mut at) = (Vec::new(), 0);
            for (closed, open) in gaps {
                at += closed + i64::from(!wanted.is_empty());
                wanted.push(Window::new(minute(at), minute(at + open)));
                at += open;
            }
            let asked = pages(&wanted, Timeframe::M1, page);
            let minutes: Vec<_> =
                wanted.iter().flat_map(|run| run.open_times(Timeframe::M1)).collect();
            for open_time in &minutes {
                prop_assert_eq!(asked.iter().filter(|one| one.contains(*open_time)).count(), 1);
            }
            for pair in asked.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            prop_assert!(asked.iter().all(|one| one.candles(Timeframe::M1) <= page));
            let numbers: Vec<_> =
                minutes.iter().map(|at| (*at - minute(0)).num_minutes()).collect();
            prop_assert_eq!(asked.len(), fewest(&numbers, page));
        }
    }

    #[test]
    fn t06_a_day_of_minutes_is_five_pages_of_three_hundred() {
        let day = Window::new(minute(0), minute(1_440));
        let asked = pages(&[day], Timeframe::M1, 300);
        assert_eq!(asked.len(), 5);
        assert_eq!(asked[4], Window::new(minute(1_200), minute(1_440)));
    }

    #[test]
    fn a_weekend_is_skipped_where_that_saves_a_request() {
        let week = |start: &str, days| {
            let start: DateTime<Utc> = start.parse().unwrap();
            Window::new(start, start + TimeDelta::days(days))
        };
        let two_weeks = week("2024-06-02T00:00:00Z", 14);
        let wanted = Calendar::FxWeek.expected(two_weeks, Timeframe::M1);
        assert_eq!(pages(&wanted, Timeframe::M1, 7_200).len(), 2, "five days each");
        assert_eq!(pages(&[two_weeks], Timeframe::M1, 7_200).len(), 3);
    }
}
