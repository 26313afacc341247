//! What Alpha Vantage says, golden and word for word.

mod history;
mod refusals;

use std::fmt::Write;

use axum::{
    body::{Body, to_bytes},
    http::{Request, header::CONTENT_TYPE},
};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{
    clock::ManualClock,
    config::Plan,
    simulate::{FaultPlan, SimulationConfig},
};

/// A Wednesday, half a minute into a minute, half past ten in New York.
const NOW: &str = "2024-03-06T15:30:30Z";
const IBM: &str = "function=TIME_SERIES_INTRADAY&symbol=IBM";
const EURUSD: &str = "from_symbol=EUR&to_symbol=USD";

fn exchange_with(now: &str, change: impl FnOnce(&mut SimulationConfig)) -> Arc<SimulatedExchange> {
    let clock = Arc::new(ManualClock::at(now.parse().unwrap()));
    let mut config = SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() };
    change(&mut config);
    Arc::new(SimulatedExchange::new(&config, clock))
}

fn exchange(now: &str) -> Arc<SimulatedExchange> {
    exchange_with(now, |_| ())
}

struct Got {
    content_type: String,
    body: String,
}

async fn send(exchange: &Arc<SimulatedExchange>, query: &str) -> Got {
    let request = Request::get(format!("/query?{query}")).body(Body::empty()).unwrap();
    let response = exchange.clone().router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "whatever it means");
    let content_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 1 << 26).await.unwrap();
    Got { content_type, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn ask(exchange: &Arc<SimulatedExchange>, query: &str) -> String {
    send(exchange, &format!("{query}&apikey=demo-key")).await.body
}

async fn json(exchange: &Arc<SimulatedExchange>, query: &str) -> Value {
    serde_json::from_str(&ask(exchange, query).await).unwrap()
}

/// The lines of a table without its header.
async fn lines(exchange: &Arc<SimulatedExchange>, query: &str) -> Vec<String> {
    let body = ask(exchange, &format!("{query}&datatype=csv")).await;
    assert!(body.starts_with("timestamp,open,high,low,close"), "{body}");
    body.split_terminator("\r\n").skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_table_has_a_header_dos_line_ends_and_the_newest_row_first() {
    let exchange = exchange(NOW);
    let got = send(&exchange, &format!("{IBM}&interval=5min&datatype=csv&apikey=k")).await;
    assert_eq!(got.content_type, "application/x-download");
    let lines: Vec<_> = got.body.split("\r\n").collect();
    assert_eq!((lines.len(), lines[101]), (102, ""), "a header, 100 rows, and the last line end");
    insta::assert_snapshot!(lines[..4].join("\n"));
}

#[tokio::test]
async fn a_map_comes_where_no_table_is_asked_for() {
    let exchange = exchange(NOW);
    let mut all = String::new();
    for query in [
        &format!("{IBM}&interval=5min"),
        "function=TIME_SERIES_DAILY&symbol=IBM",
        &format!("function=FX_INTRADAY&{EURUSD}&interval=60min&outputsize=full"),
        &format!("function=FX_DAILY&{EURUSD}"),
        "function=CRYPTO_INTRADAY&symbol=BTC&market=USD&interval=1min",
        "function=DIGITAL_CURRENCY_DAILY&symbol=BTC&market=USD",
    ] {
        let body = ask(&exchange, query).await;
        assert!(serde_json::from_str::<Value>(&body).is_ok(), "{body}");
        // The meta data and the newest row.
        let head: Vec<&str> = body.lines().take(21).collect();
        writeln!(all, "# {query}\n{}", head.join("\n")).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn equities_are_stamped_in_new_york_and_the_rest_in_utc() {
    // Ten in the morning in New York, in winter and in summer.
    for now in ["2024-03-06T15:00:30Z", "2024-07-10T14:00:30Z"] {
        let exchange = exchange(now);
        let shares = lines(&exchange, &format!("{IBM}&interval=1min")).await;
        assert!(shares[0].starts_with(&format!("{} 10:00:00,", &now[..10])), "{}", shares[0]);
        assert!(shares[30].contains(" 09:30:00,") && shares[31].contains(" 15:59:00,"));
        let quotes =
            lines(&exchange, &format!("function=FX_INTRADAY&{EURUSD}&interval=1min")).await;
        assert!(quotes[0].starts_with(&now.replace('T', " ").replace(":30Z", ":00,")));
        assert_eq!(quotes[0].split(',').count(), 5, "no volume");
        let btc = "function=CRYPTO_INTRADAY&symbol=BTC&market=USD&interval=1min";
        let coins = lines(&exchange, btc).await;
        assert!(coins[0].starts_with(&now.replace('T', " ").replace(":30Z", ":00,")));
    }
}

#[tokio::test]
async fn t09_the_running_row_is_there_and_carries_no_flag() {
    let exchange = exchange(NOW);
    let rows = lines(&exchange, &format!("{IBM}&interval=15min")).await;
    assert!(rows[0].starts_with("2024-03-06 10:30:00,"), "{}", rows[0]);
    let volume = |row: &str| row.rsplit(',').next().unwrap().parse::<f64>().unwrap();
    assert!(volume(&rows[0]) * 5.0 < volume(&rows[1]), "{} {}", rows[0], rows[1]);
}

#[tokio::test]
async fn todays_row_of_digital_currency_daily_is_frozen_just_after_midnight() {
    let query = "function=DIGITAL_CURRENCY_DAILY&symbol=BTC&market=USD";
    let rows = lines(&exchange(NOW), query).await;
    let later = lines(&exchange("2024-03-06T20:00:00Z"), query).await;
    assert_eq!((rows.len(), rows[0].get(..11)), (350, Some("2024-03-06,")));
    assert_eq!(rows, later);
    let volume = |row: &str| row.rsplit(',').next().unwrap().parse::<f64>().unwrap();
    assert!(volume(&rows[0]) * 100.0 < volume(&rows[1]), "{} {}", rows[0], rows[1]);
}

#[tokio::test]
async fn close_stamped_rows_are_named_by_their_close() {
    let exchange = exchange(NOW);
    let query = format!("{IBM}&interval=5min");
    let right = lines(&exchange, &query).await;
    exchange.set_fault_plan(&FaultPlan::from_pairs(["close_stamped=1"]).unwrap());
    let wrong = lines(&exchange, &query).await;
    assert!(
        right[0].starts_with("2024-03-06 10:30:00,")
            && wrong[0].starts_with("2024-03-06 10:35:00,")
    );
    assert!(wrong.iter().any(|row| row.contains(" 16:00:00,")));
    assert_eq!(right[0][19..], wrong[0][19..]);
}

#[tokio::test]
async fn a_bad_row_is_one_row_in_either_shape() {
    let exchange = exchange(NOW);
    let queries = [
        format!("{IBM}&interval=5min"),
        "function=TIME_SERIES_DAILY&symbol=IBM".to_owned(),
        format!("function=FX_INTRADAY&{EURUSD}&interval=1min"),
        format!("function=FX_DAILY&{EURUSD}"),
    ];
    for query in queries {
        let right = lines(&exchange, &query).await;
        exchange.set_fault_plan(&FaultPlan::from_pairs(["bad_row=1"]).unwrap());
        for _ in 0..20 {
            let bad = lines(&exchange, &query).await;
            let differ = right.iter().zip(&bad).filter(|(right, bad)| right != bad).count();
            assert_eq!(differ, 1, "{query}");
            assert!(json(&exchange, &query).await["Meta Data"].is_object());
        }
        exchange.set_fault_plan(&FaultPlan::default());
    }
}

#[tokio::test]
async fn news_are_told_as_asked_and_never_from_the_future() {
    let exchange = exchange(NOW);
    let news = "function=NEWS_SENTIMENT&time_from=20240306T0000";
    let times = async |query: &str| -> Vec<String> {
        let told = json(&exchange, query).await;
        let feed = told["feed"].as_array().unwrap();
        assert_eq!(told["items"], feed.len().to_string());
        feed.iter().map(|article| article["time_published"].as_str().unwrap().to_owned()).collect()
    };
    let latest = times(&format!("{news}&limit=1000")).await;
    assert!(latest.len() > 10 && latest.is_sorted_by(|newer, older| newer > older));
    assert!(
        latest[0].as_str() <= "20240306T153030"
            && latest.last().unwrap().as_str() >= "20240306T000000"
    );
    let mut earliest = times(&format!("{news}&sort=EARLIEST&limit=1000")).await;
    assert_eq!(earliest[..3], times(&format!("{news}&sort=EARLIEST&limit=3")).await);
    earliest.reverse();
    assert_eq!(latest, earliest);
    let until = times(&format!("{news}&time_to=20240306T0600&limit=1000")).await;
    assert_eq!(
        until,
        latest
            .iter()
            .filter(|time| time.as_str() <= "20240306T060000")
            .cloned()
            .collect::<Vec<_>>()
    );
    let about = json(&exchange, &format!("{news}&tickers=CRYPTO:BTC&limit=1000")).await;
    let feed = about["feed"].as_array().unwrap();
    let mentions =
        |article: &Value| article["ticker_sentiment"].to_string().contains("\"CRYPTO:BTC\"");
    assert!(!feed.is_empty() && feed.len() < latest.len() && feed.iter().all(mentions));
    assert_eq!(times("function=NEWS_SENTIMENT").await.len(), 50);
    let first = json(&exchange, &format!("{news}&limit=1&sort=EARLIEST")).await;
    insta::assert_json_snapshot!(first);
}

#[tokio::test]
async fn economic_series_come_newest_first_and_one_value_is_a_dot() {
    let exchange = exchange(NOW);
    for (function, interval, newest) in [
        ("CPI", "monthly", "2024-01-01"),
        ("INFLATION", "annual", "2023-01-01"),
        ("FEDERAL_FUNDS_RATE", "monthly", "2024-02-01"),
        ("FEDERAL_FUNDS_RATE", "daily", "2024-03-04"),
        ("UNEMPLOYMENT", "monthly", "2024-02-01"),
        ("REAL_GDP", "quarterly", "2023-10-01"),
    ] {
        let told = json(&exchange, &format!("function={function}&interval={interval}")).await;
        let data = told["data"].as_array().unwrap();
        assert_eq!((&told["interval"], &data[0]["date"]), (&interval.into(), &newest.into()));
        let day = |row: &Value| row["date"].as_str().unwrap().to_owned();
        assert!(data.windows(2).all(|pair| day(&pair[0]) > day(&pair[1])));
        let dots = data.iter().filter(|row| row["value"] == ".").count();
        assert_eq!(dots, 1, "{function}");
        assert!(told["name"].is_string() && told["unit"].is_string());
    }
    let table = ask(&exchange, "function=UNEMPLOYMENT&datatype=csv").await;
    assert!(table.starts_with("timestamp,value\r\n2024-02-01,"), "{table}");
}
