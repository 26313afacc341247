//! Which request gives a window of candles, and how few of them give a history.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::America::New_York;

use crate::{
    config::Plan,
    market::{AssetClass, Series, Timeframe, Window},
};

/// A compact answer has 100 rows, one of them running; a few more may close before it is made.
const COMPACT_CANDLES: i64 = 95;

/// A full answer goes back 30 days; a day less, so that none is lost at its edge.
const FULL_INTRADAY: TimeDelta = TimeDelta::days(29);

/// Rows of `DIGITAL_CURRENCY_DAILY`, whatever is asked for.
const CRYPTO_DAYS: i64 = 350;

/// A full answer of daily candles has twenty years of them, and more.
const FULL_DAYS: i64 = 7_300;

/// The oldest month of equity candles.
const FIRST_MONTH: (i32, u32) = (2000, 1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    EquityIntraday,
    EquityDaily,
    FxIntraday,
    FxDaily,
    CryptoIntraday,
    CryptoDaily,
}

/// How much one request gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The newest 100 rows.
    Compact,
    /// The last 30 days, or everything there is of daily candles.
    Full,
    /// A calendar month of New York.
    Month { year: i32, month: u32 },
}

impl Function {
    /// `None` where there are no candles of that length.
    pub(super) fn of(series: &Series) -> Option<Self> {
        let is_daily = series.timeframe == Timeframe::D1;
        if series.timeframe == Timeframe::H4 {
            return None;
        }
        Some(match (series.instrument.asset_class(), is_daily) {
            (AssetClass::Equity, false) => Self::EquityIntraday,
            (AssetClass::Equity, true) => Self::EquityDaily,
            (AssetClass::Fx, false) => Self::FxIntraday,
            (AssetClass::Fx, true) => Self::FxDaily,
            (AssetClass::Crypto, false) => Self::CryptoIntraday,
            (AssetClass::Crypto, true) => Self::CryptoDaily,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::EquityIntraday => "TIME_SERIES_INTRADAY",
            Self::EquityDaily => "TIME_SERIES_DAILY",
            Self::FxIntraday => "FX_INTRADAY",
            Self::FxDaily => "FX_DAILY",
            Self::CryptoIntraday => "CRYPTO_INTRADAY",
            Self::CryptoDaily => "DIGITAL_CURRENCY_DAILY",
        }
    }

    /// The query without the key. Whether prices are adjusted and which sessions are meant is always
    /// said: the defaults would rewrite history after every split, and mix sessions.
    pub(super) fn question(
        self,
        series: &Series,
        symbol: &str,
        extent: Extent,
    ) -> Vec<(&'static str, String)> {
        let mut question = vec![("function", self.name().to_owned())];
        let pair = series.instrument.pair();
        let (base, quote) = pair.unwrap_or_default();
        match self {
            Self::EquityIntraday | Self::EquityDaily => {
                question.push(("symbol", symbol.to_owned()));
            }
            Self::FxIntraday | Self::FxDaily => {
                question.push(("from_symbol", base.to_owned()));
                question.push(("to_symbol", quote.to_owned()));
            }
            Self::CryptoIntraday | Self::CryptoDaily => {
                question.push(("symbol", base.to_owned()));
                question.push(("market", quote.to_owned()));
            }
        }
        if let Some(interval) = interval(series.timeframe) {
            question.push(("interval", interval.to_owned()));
        }
        if self == Self::EquityIntraday {
            question.push(("adjusted", "false".to_owned()));
            question.push(("extended_hours", "false".to_owned()));
        }
        if let Extent::Month { year, month } = extent {
            question.push(("month", format!("{year:04}-{month:02}")));
        }
        if self != Self::CryptoDaily {
            let size = if extent == Extent::Compact { "compact" } else { "full" };
            question.push(("outputsize", size.to_owned()));
        }
        question.push(("datatype", "csv".to_owned()));
        question
    }
}

const fn interval(timeframe: Timeframe) -> Option<&'static str> {
    match timeframe {
        Timeframe::M1 => Some("1min"),
        Timeframe::M5 => Some("5min"),
        Timeframe::M15 => Some("15min"),
        Timeframe::H1 => Some("60min"),
        Timeframe::H4 | Timeframe::D1 => None,
    }
}

impl Extent {
    /// The smallest answer that has all of `window`, if asked for at `now`.
    pub(super) fn of(
        function: Function,
        series: &Series,
        window: Window,
        now: DateTime<Utc>,
    ) -> Self {
        let has_months = function == Function::EquityIntraday;
        if window.start >= compact_from(series.timeframe, now) {
            Self::Compact
        } else if has_months && window.start < now - FULL_INTRADAY {
            let (year, month) = month_of(window.start);
            Self::Month { year, month }
        } else {
            Self::Full
        }
    }
}

/// The newest candles that a compact answer is sure to have. Closed hours have no rows, so that
/// counting as if there were none is on the safe side.
fn compact_from(timeframe: Timeframe, now: DateTime<Utc>) -> DateTime<Utc> {
    let reach = TimeDelta::seconds(timeframe.seconds() * (COMPACT_CANDLES + 2));
    timeframe.floor(now) - reach
}

/// Candles that one answer has for certain, counted back from now.
pub(super) fn newest_candles(series: &Series, plan: Plan) -> i64 {
    match (Function::of(series), plan) {
        (Some(Function::CryptoDaily), _) => CRYPTO_DAYS,
        (Some(Function::EquityDaily | Function::FxDaily), Plan::Premium) => FULL_DAYS,
        (Some(_), Plan::Premium) => FULL_INTRADAY.num_seconds() / series.timeframe.seconds(),
        _ => COMPACT_CANDLES,
    }
}

/// A month is not asked for twice.
pub(super) fn piece_end(
    series: &Series,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> DateTime<Utc> {
    match Function::of(series) {
        Some(Function::EquityIntraday) => month_start(month_of(end)).max(month_end(start)),
        _ => end,
    }
}

/// One window per request, the fewest: all at once where an answer reaches back so far, otherwise
/// one per month in which candles are wanted.
pub(super) fn pages(series: &Series, wanted: &[Window], now: DateTime<Utc>) -> Vec<Window> {
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Vec::new() };
    let whole = Window::new(first.start, last.end);
    let has_months = Function::of(series) == Some(Function::EquityIntraday);
    if !has_months || whole.start >= now - FULL_INTRADAY {
        return vec![whole];
    }
    let mut pages: Vec<Window> = Vec::new();
    for run in wanted {
        let mut at = run.start;
        while at < run.end {
            let end = run.end.min(month_end(at));
            match pages.last_mut() {
                Some(page) if month_of(page.start) == month_of(at) => page.end = end,
                _ => pages.push(Window::new(at, end)),
            }
            at = end;
        }
    }
    pages
}

/// Nothing older is to be had of the series.
pub(super) fn reaches_back_to(
    series: &Series,
    plan: Plan,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match (Function::of(series)?, plan) {
        (Function::CryptoDaily, _) => Some(now - TimeDelta::days(CRYPTO_DAYS)),
        (Function::EquityDaily | Function::FxDaily, Plan::Free) => {
            Some(now - TimeDelta::days(COMPACT_CANDLES))
        }
        (Function::EquityDaily | Function::FxDaily, Plan::Premium) => None,
        (Function::FxIntraday | Function::CryptoIntraday, _) => Some(now - FULL_INTRADAY),
        (Function::EquityIntraday, _) => Some(month_start(FIRST_MONTH)),
    }
}

/// Year and month in New York.
fn month_of(at: DateTime<Utc>) -> (i32, u32) {
    let day = at.with_timezone(&New_York).date_naive();
    (day.year(), day.month())
}

fn month_end(at: DateTime<Utc>) -> DateTime<Utc> {
    let (year, month) = month_of(at);
    month_start(if month == 12 { (year + 1, 1) } else { (year, month + 1) })
}

fn month_start((year, month): (i32, u32)) -> DateTime<Utc> {
    let day = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
    // Clocks change at 02:00, so midnight exists exactly once on every day.
    New_York
        .from_local_datetime(&day.and_time(NaiveTime::MIN))
        .earliest()
        .map_or_else(|| (day - Days::new(1)).and_time(NaiveTime::MIN).and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::Calendar;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn series(name: &str) -> Series {
        format!("alpha_vantage/{name}").parse().unwrap()
    }

    fn query(name: &str, start: &str) -> String {
        let now = at("2026-11-24T15:00:00Z");
        let series = series(name);
        let function = Function::of(&series).unwrap();
        let extent = Extent::of(function, &series, Window::new(at(start), now), now);
        let pairs = function.question(&series, series.instrument.as_str(), extent);
        pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
    }

    #[test]
    fn t05_adjustment_and_sessions_are_always_said() {
        assert_eq!(
            query("IBM/5m", "2026-11-24T14:30:00Z"),
            "function=TIME_SERIES_INTRADAY&symbol=IBM&interval=5min&adjusted=false&\
             extended_hours=false&outputsize=compact&datatype=csv"
        );
        assert_eq!(
            query("IBM/1m", "2025-03-03T14:30:00Z"),
            "function=TIME_SERIES_INTRADAY&symbol=IBM&interval=1min&adjusted=false&\
             extended_hours=false&month=2025-03&outputsize=full&datatype=csv"
        );
    }

    #[test]
    fn each_class_has_its_function_and_spelling() {
        let recent = "2026-11-24T14:55:00Z";
        for (name, start, expected) in [
            (
                "EURUSD/1h",
                recent,
                "function=FX_INTRADAY&from_symbol=EUR&to_symbol=USD&interval=60min&\
                 outputsize=compact&datatype=csv",
            ),
            (
                "EURUSD/1d",
                "2020-01-01T00:00:00Z",
                "function=FX_DAILY&from_symbol=EUR&to_symbol=USD&outputsize=full&datatype=csv",
            ),
            (
                "BTCUSD/15m",
                "2026-11-01T00:00:00Z",
                "function=CRYPTO_INTRADAY&symbol=BTC&market=USD&interval=15min&outputsize=full&\
                 datatype=csv",
            ),
            (
                "BTCUSD/1d",
                "2026-11-01T00:00:00Z",
                "function=DIGITAL_CURRENCY_DAILY&symbol=BTC&market=USD&datatype=csv",
            ),
        ] {
            assert_eq!(query(name, start), expected);
        }
        assert_eq!(Function::of(&series("BTCUSD/4h")), None);
    }

    #[test]
    fn a_piece_of_history_ends_where_a_month_does() {
        let series = series("IBM/1m");
        let march = at("2024-03-04T14:30:00Z");
        for (end, expected) in [
            ("2024-03-05T00:00:00Z", "2024-04-01T04:00:00Z"),
            ("2024-05-20T00:00:00Z", "2024-05-01T04:00:00Z"),
        ] {
            assert_eq!(piece_end(&series, march, at(end)), at(expected), "{end}");
        }
    }

    #[test]
    fn ninety_days_of_equity_minutes_are_as_many_requests_as_months() {
        let now = at("2026-11-24T15:00:00Z");
        let wanted = [Window::new(now - TimeDelta::days(90), now)];
        let pages = pages(&series("IBM/1m"), &wanted, now);
        // August to November; New York is four hours behind in summer and five in winter.
        let edges: Vec<_> = pages.iter().map(|page| page.end).collect();
        let [september, october, november] =
            ["2026-09-01T04:00:00Z", "2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z"].map(at);
        assert_eq!(edges, [september, october, november, now]);
    }

    proptest! {
        /// Whatever is wanted, each page lies in one answer, and no month is asked for twice.
        #[test]
        fn pages_cover_what_is_wanted_and_each_is_one_request(
            days_ago in 0_i64..800,
            length in 1_i64..400,
            now in 1_600_000_000_i64..1_900_000_000,
        ) {
            let series = series("IBM/15m");
            let now = DateTime::from_timestamp(now, 0).unwrap();
            let start = now - TimeDelta::days(days_ago + length);
            let window = Window::new(start, start + TimeDelta::days(length)).align(Timeframe::M15);
            let wanted = Calendar::FxWeek.expected(window, Timeframe::M15);
            let pages = pages(&series, &wanted, now);
            for open_time in wanted.iter().flat_map(|run| run.open_times(Timeframe::M15)) {
                prop_assert_eq!(pages.iter().filter(|page| page.contains(open_time)).count(), 1);
            }
            let mut months = Vec::new();
            for page in &pages {
                let function = Function::of(&series).unwrap();
                if let Extent::Month { year, month } = Extent::of(function, &series, *page, now) {
                    let last = page.end - TimeDelta::seconds(1);
                    prop_assert_eq!((month_of(page.start), month_of(last)), ((year, month), (year, month)));
                    months.push((year, month));
                }
            }
            let asked = months.len();
            months.dedup();
            prop_assert_eq!(months.len(), asked);
        }
    }
}
