//! `ETag` and `If-None-Match`: a 304 saves the body and hides nothing.

use axum::http::Request;

use crate::support::test_app::{Answer, Setup, TestApp, seconds};

const ROUTES: [&str; 3] = [
    "/v1/freshness?series=coinbase/BTCUSD/1m",
    "/v1/freshness",
    "/v1/candles?series=coinbase/BTCUSD/1m&limit=20",
];

async fn again(app: &TestApp, route: &str, mark: &str) -> Answer {
    app.send(Request::get(route).header("if-none-match", mark)).await
}

#[tokio::test]
async fn who_has_the_answer_is_told_only_that_it_holds() {
    let app = TestApp::start().await;
    app.settle().await;
    for route in ROUTES {
        let first = app.get(route).await;
        let mark = first.header("etag").to_owned();
        assert!(mark.starts_with("W/\""), "{mark}");
        for given in [mark.clone(), format!("\"x\", {mark}"), "*".to_owned()] {
            let same = again(&app, route, &given).await;
            assert_eq!(same.status, 304, "{route} {given}");
            assert!(same.body.is_empty() && same.header("etag") == mark);
        }
        assert_eq!(again(&app, route, "W/\"0\"").await.ok(), first.ok(), "{route}");
    }
}

/// The clock alone moves: nothing lands, and the verdict changes all the same.
#[tokio::test]
async fn t73_a_304_never_hides_another_verdict_or_a_candle_that_is_due() {
    let app = TestApp::with(Setup { timeframes: "1m,1h", ..Setup::default() }).await;
    app.settle().await;
    for route in ROUTES {
        let mut seen = app.get(route).await;
        let (mut held, mut verdicts) = (0, 0);
        for _ in 0..140 {
            app.clock.advance(seconds(7));
            let now = app.get(route).await;
            let told = again(&app, route, seen.header("etag")).await;
            let of = |answer: &Answer| {
                let one = answer.json.get("items").map_or(&answer.json, |items| &items[0]);
                (one["verdict"].clone(), one["watermark"].clone(), one["lag_candles"].clone())
            };
            if told.status == 304 {
                held += 1;
                assert_eq!(of(&now), of(&seen), "{route}");
            } else {
                verdicts += usize::from(of(&now).0 != of(&seen).0);
                seen = now;
            }
        }
        assert!(held > 40, "{route}: {held} saved");
        assert_eq!(verdicts, 1, "{route} became stale");
        app.settle().await;
    }
}

/// Within one second of the clock: what lands is in the next answer.
#[tokio::test]
async fn a_candle_that_has_landed_is_in_the_next_answer() {
    let app = TestApp::start().await;
    let before = app.get(ROUTES[0]).await;
    assert_eq!(before.json["items"][0]["verdict"], "unknown");
    let asked_at = app.now();
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    app.clock.set(asked_at);
    let after = app.get(ROUTES[0]).await;
    assert_eq!(after.json["items"][0]["verdict"], "fresh");
    assert_ne!(before.header("etag"), after.header("etag"));
}
