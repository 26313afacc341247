//! How far back an answer goes, and that answers put together are the truth.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::{America::New_York, Tz, UTC};
use proptest::prelude::*;

use super::*;
use crate::{
    market::{Candle, Series, Timeframe, Window},
    simulate::published::Publication,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// What is published of a series at the exchange's present.
fn published(exchange: &SimulatedExchange, series: &str, window: Window) -> Vec<Candle> {
    let series: Series = format!("alpha_vantage/{series}").parse().unwrap();
    let market = exchange.market();
    let provider = SimulatedProvider::AlphaVantage;
    let price = crate::config::PriceSide::Mid;
    let publication = Publication { market, provider, series: &series, price };
    publication.candles(window, exchange.now().timestamp()).collect()
}

/// The candles of a table, oldest first.
fn read(lines: &[String], zone: Tz) -> Vec<Candle> {
    let read = |line: &String| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |cell: &&str| cell.parse::<f64>().unwrap();
        let midnight = NaiveDate::parse_from_str(cells[0], "%Y-%m-%d").map(NaiveDateTime::from);
        let open_time = midnight.map_or_else(
            |_| {
                let local = NaiveDateTime::parse_from_str(cells[0], "%Y-%m-%d %H:%M:%S").unwrap();
                zone.from_local_datetime(&local).unwrap().to_utc()
            },
            |day| day.and_utc(),
        );
        let [open, high, low, close] = [1, 2, 3, 4].map(|cell| number(&cells[cell]));
        Candle { open_time, open, high, low, close, volume: cells.get(5).map(number) }
    };
    lines.iter().rev().map(read).collect()
}

#[tokio::test]
async fn a_full_answer_goes_back_thirty_days() {
    let exchange = exchange(NOW);
    for (query, series, zone) in [
        (format!("{IBM}&interval=15min"), "IBM/15m", New_York),
        (format!("function=FX_INTRADAY&{EURUSD}&interval=5min"), "EURUSD/5m", UTC),
        (
            "function=CRYPTO_INTRADAY&symbol=SOL&market=USD&interval=60min".to_owned(),
            "SOLUSD/1h",
            UTC,
        ),
    ] {
        let lines = lines(&exchange, &format!("{query}&outputsize=full")).await;
        let window = Window::new(exchange.now() - TimeDelta::days(30), exchange.now());
        assert_eq!(read(&lines, zone), published(&exchange, series, window), "{series}");
    }
}

#[tokio::test]
async fn t25_a_month_is_one_of_new_york_across_both_clock_changes() {
    let exchange = exchange("2024-12-04T15:30:30Z");
    // Clocks went forward on 10 March and back on 3 November; 29 March was Good Friday.
    for (month, start, end, sessions) in [
        ("2024-03", "2024-03-01T05:00:00Z", "2024-04-01T04:00:00Z", 20),
        ("2024-11", "2024-11-01T04:00:00Z", "2024-12-01T05:00:00Z", 20),
    ] {
        let query = format!("{IBM}&interval=5min&outputsize=full&month={month}");
        let lines = lines(&exchange, &query).await;
        let window = Window::new(at(start), at(end));
        assert_eq!(read(&lines, New_York), published(&exchange, "IBM/5m", window), "{month}");
        assert!(lines.iter().all(|line| line.starts_with(month)));
        let opens = lines.iter().filter(|line| line.contains(" 09:30:00,")).count();
        assert_eq!(opens, sessions, "{month}");
    }
}

#[tokio::test]
async fn days_of_currencies_are_monday_to_friday() {
    let exchange = exchange_with(NOW, |config| {
        config.history_start = at("2023-01-01T00:00:00Z").timestamp();
    });
    let query = format!("function=FX_DAILY&{EURUSD}");
    let compact = lines(&exchange, &query).await;
    let full = lines(&exchange, &format!("{query}&outputsize=full")).await;
    assert_eq!((compact.len(), compact[..] == full[..100]), (100, true));
    let window = Window::new(at("2023-01-01T00:00:00Z"), exchange.now());
    let truth = published(&exchange, "EURUSD/1d", window);
    assert_eq!(read(&full, UTC), truth);
    let weekdays = truth.iter().map(|candle| candle.open_time.format("%a").to_string());
    assert!(weekdays.into_iter().all(|day| day != "Sun" && day != "Sat"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Compact answers asked for one after the other have every candle that closed in between.
    #[test]
    fn compact_answers_reassemble_to_the_truth(
        (query, series, zone) in prop::sample::select(vec![
            ("function=TIME_SERIES_INTRADAY&symbol=AAPL&interval=1min", "AAPL/1m", New_York),
            ("function=TIME_SERIES_INTRADAY&symbol=IBM&interval=15min", "IBM/15m", New_York),
            ("function=TIME_SERIES_DAILY&symbol=IBM", "IBM/1d", New_York),
            ("function=FX_INTRADAY&from_symbol=USD&to_symbol=JPY&interval=5min", "USDJPY/5m", UTC),
            ("function=CRYPTO_INTRADAY&symbol=ETH&market=USD&interval=60min", "ETHUSD/1h", UTC),
        ]),
        start in 1_600_000_000_i64..1_700_000_000,
        answers in 1_i32..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let timeframe: Timeframe = series.split_once('/').unwrap().1.parse().unwrap();
        let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(start, 0).unwrap()));
        let config = SimulationConfig { revised: 0.0, ..SimulationConfig::default() };
        let exchange = Arc::new(SimulatedExchange::new(&config, clock.clone()));
        let mut told = std::collections::BTreeMap::new();
        for _ in 0..answers {
            let lines = runtime.block_on(lines(&exchange, query));
            prop_assert_eq!(lines.len(), 100);
            told.extend(read(&lines, zone).into_iter().map(|candle| (candle.open_time, candle)));
            clock.advance((timeframe.duration() * 90).to_std().unwrap());
        }
        let last = DateTime::from_timestamp(start, 0).unwrap()
            + timeframe.duration() * (90 * (answers - 1));
        let first = *told.keys().next().unwrap();
        let closed = timeframe.floor(last);
        told.retain(|open_time, _| *open_time < closed);
        let truth = published(&exchange, series, Window::new(first, closed));
        prop_assert_eq!(told.into_values().collect::<Vec<_>>(), truth);
    }
}
