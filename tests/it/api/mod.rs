//! What the HTTP control plane answers, route by route, and how it refuses what makes no sense.

mod candles;
mod conditional;
mod coverage;
mod dead_letters;
mod explain;
mod feeds;
mod freshness;
mod gaps;
mod health;
mod openapi;
mod past;
mod problems;
mod pulse;
mod rewind;
mod rows;
mod series;
mod tables;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::support::test_app::TestApp;

/// Asks each query after `prefix` and expects it to be refused for the field beside it.
async fn assert_refused(app: &TestApp, prefix: &str, cases: &[(&str, &str)]) {
    for (query, field) in cases {
        let path = format!("{prefix}{query}");
        let problem = app.get(&path).await.problem_of(&path, 422);
        assert_eq!(problem["field"], *field, "{path}: {problem}");
    }
}

/// Queries that name no series, two, or one that cannot be read.
const WRONG_SERIES: &[(&str, &str)] = &[
    ("", "series"),
    ("series", "series"),
    ("series=", "series"),
    ("series=coinbase", "series"),
    ("series=coinbase/BTCUSD", "series"),
    ("series=coinbase/BTCUSD/2m", "series"),
    ("series=coinbase/BTCUSD/1m/", "series"),
    ("series=coinbase//1m", "series"),
    ("series=/BTCUSD/1m", "series"),
    ("series=Coinbase/BTCUSD/1m", "series"),
    ("series=../../etc/passwd", "series"),
    ("series=%2e%2e%2f%2e%2e", "series"),
    ("series=coinbase/BTC%00USD/1m", "series"),
    ("series=coinbase/%FF/1m", "series"),
    ("series=coinbase/BTCUSD/1m&series=coinbase/BTCUSD/1m", "series"),
    ("series=coinbase/BTCUSD/1m&asset=BTCUSD", "asset"),
    ("series=coinbase/BTCUSD/1m&timeframe=1h", "timeframe"),
    ("series=coinbase/BTCUSD/1m&provider=", "provider"),
    ("series=coinbase/BTCUSD/1m&page=1", "page"),
    ("timeframe=1m", "series"),
    ("asset=BTCUSD", "timeframe"),
    ("asset=&timeframe=1m", "asset"),
    ("asset=BTCUSD&timeframe=1w", "timeframe"),
    ("asset=BTCUSD&timeframe=1m&provider=a/b", "provider"),
];

/// Windows that are none, as they follow upon a series.
const WRONG_WINDOWS: &[(&str, &str)] = &[
    ("&start=", "start"),
    ("&start=2024-03-06T10:00:00Z", "end"),
    ("&end=2024-03-06T10:00:00Z", "start"),
    ("&start=2024-03-06T10:00:00Z&end=", "end"),
    ("&start=2024-03-06T10:00:00&end=2024-03-06T11:00:00Z", "start"),
    ("&start=2024-03-06T10:00:00Z&end=2024-03-06T11:00:00", "end"),
    ("&start=2024-03-06&end=2024-03-07", "start"),
    ("&start=1709719200&end=1709722800", "start"),
    ("&start=now&end=2024-03-06T11:00:00Z", "start"),
    ("&start=%FF&end=2024-03-06T11:00:00Z", "start"),
    ("&start=2024-02-30T00:00:00Z&end=2024-03-06T11:00:00Z", "start"),
    ("&start=2024-03-06T10:00:00Z&end=2024-03-06T24:00:00Z", "end"),
    ("&start=2024-03-06T10:00:00Z&end=2024-03-06T10:00:00Z", "end"),
    ("&start=2024-03-06T11:00:00Z&end=2024-03-06T10:00:00Z", "end"),
    ("&start=1969-12-31T23:59:59Z&end=2024-03-06T10:00:00Z", "start"),
    ("&start=0000-01-01T00:00:00Z&end=0000-01-02T00:00:00Z", "start"),
    ("&start=-9999-01-01T00:00:00Z&end=2024-03-06T10:00:00Z", "start"),
    ("&start=2024-03-06T10:00:00Z&end=262143-01-01T00:00:00Z", "end"),
    ("&start=2024-03-06T10:00:00Z&start=2024-03-06T11:00:00Z", "start"),
    ("&from=2024-03-06T10:00:00Z", "from"),
];

/// An instant in an answer.
fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The objects of a list in an answer.
pub(crate) fn items<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().unwrap()
}
