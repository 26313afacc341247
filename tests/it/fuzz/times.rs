//! Whatever is said of the past is understood or refused.

use url::form_urlencoded::byte_serialize;

use super::{Mutations, UNLIMITED, rounds};
use crate::support::test_app::{Setup, TestApp};

const TIMES: [&str; 10] = [
    "2024-03-06T11:00:00Z",
    "2024-03-06T11:00:00.123456+02:00",
    "2024-03-06 11:00:00-05:30",
    "2024-03-06",
    "1709722800",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "+262142-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "2024-02-30T25:61:61+99:99",
];

#[tokio::test]
async fn no_time_does_harm() {
    let settings = &[UNLIMITED];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    app.settle().await;
    let mut mutations = Mutations::of(&TIMES);
    let series = "series=coinbase/BTCUSD/1m";
    for round in 0..rounds(1_000) {
        let text = mutations.next();
        let said: String = byte_serialize(&text).collect();
        let path = match round % 4 {
            0 => format!("/v1/candles?{series}&as_of={said}"),
            1 => format!("/v1/candles?{series}&format=csv&start={said}&end=2024-03-06T12:00:00Z"),
            2 => format!("/v1/candles?{series}&table_version={said}"),
            _ => format!("/v1/gaps?start=2024-03-06T11:00:00Z&end={said}"),
        };
        let answer = app.get(&path).await;
        let status = answer.status.as_u16();
        assert!([200, 400, 404, 410, 422].contains(&status), "{path}: {status} {}", answer.text());
        if status != 200 {
            answer.problem_of(&path, status);
        }
    }
}
