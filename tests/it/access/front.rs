//! A question that is answered before it is routed is let in and refused like any other.

use axum::http::{Request, header::AUTHORIZATION, request::Builder};
use barkeep::market::Scope;
use chrono::TimeDelta;

use super::{WITH_KEYS, guarded, make, revoke};
use crate::support::test_app::{Answer, Setup, TestApp};

const PATH: &str = "/v1/freshness?series=coinbase/BTCUSD/1m";

/// The answer with these headers; that of the route must be the same.
async fn both(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let send = async |more: &[(&str, &str)]| {
        let request = Request::get(PATH).header("x-request-id", "r-1");
        let with = |request: Builder, (name, value): &(&str, &str)| request.header(*name, *value);
        app.send(headers.iter().chain(more).fold(request, with)).await
    };
    // Only what a caller takes uncompressed is at hand.
    let routed = send(&[("accept-encoding", "identity")]).await;
    let answer = send(&[]).await;
    assert_eq!(answer.status, routed.status, "{headers:?}");
    assert_eq!(answer.body, routed.body, "{headers:?}");
    for name in
        ["content-type", "etag", "cache-control", "vary", "x-request-id", "www-authenticate"]
    {
        let of = |answer: &Answer| answer.headers.get(name).cloned();
        assert_eq!(of(&answer), of(&routed), "{name} with {headers:?}");
    }
    answer
}

#[tokio::test]
async fn what_is_at_hand_is_what_the_route_answers() {
    let app = TestApp::start().await;
    app.settle().await;
    let mark = both(&app, &[]).await.header("etag").to_owned();
    assert_eq!(both(&app, &[("if-none-match", &mark)]).await.status, 304);
    assert_eq!(both(&app, &[("host", "evil.example")]).await.status, 421);
    assert_eq!(both(&app, &[("host", "localhost")]).await.status, 200);
}

#[tokio::test]
async fn what_is_at_hand_needs_a_key_that_opens_it() {
    let app = guarded().await;
    app.settle().await;
    let token = make(&app, "reader", Scope::Read, None).await;
    let bearer: &str = format!("Bearer {token}").leak();
    let with = |value: &'static str| [("authorization", value)];
    assert_eq!(both(&app, &with(bearer)).await.status, 200);
    assert_eq!(both(&app, &[]).await.status, 401);
    assert_eq!(both(&app, &with("Bearer bk_nobodys")).await.status, 401);
    assert_eq!(both(&app, &with("Basic dTpw")).await.status, 401);
    revoke(&app, "reader").await;
    app.clock.advance(TimeDelta::seconds(2));
    assert_eq!(both(&app, &with(bearer)).await.status, 401, "a key that was revoked");
}

/// Every request counts once, whichever way it goes.
#[tokio::test]
async fn who_asks_for_what_is_at_hand_has_enough_as_soon_as_anybody() {
    const FEW: (&str, &str) = ("SERVER__REQUESTS_PER_SECOND", "10");
    const GUARDED: &[(&str, &str)] = &[WITH_KEYS[0], FEW];
    const OPEN: &[(&str, &str)] = &[FEW];
    for settings in [GUARDED, OPEN] {
        let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
        let token = make(&app, "reader", Scope::Read, None).await;
        let bearer = format!("Bearer {token}");
        let ask = || app.send(Request::get(PATH).header(AUTHORIZATION, &bearer));
        let mut served = 0;
        while ask().await.status == 200 {
            served += 1;
            assert!(served <= 10, "{served} of 10 allowed");
        }
        assert_eq!(served, 10);
        let refused = ask().await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
        app.clock.advance(TimeDelta::seconds(2));
        let metrics = app.send(Request::get("/metrics").header(AUTHORIZATION, &bearer)).await;
        let line = "barkeep_http_requests_total{route=\"/v1/freshness\",status=\"200\"} 10\n";
        assert!(metrics.text().contains(line), "{}", metrics.text());
    }
}
