//! What is refused before any route sees it, with keys and without.

use axum::http::{Method, Request, header::AUTHORIZATION};
use barkeep::market::Scope;
use chrono::TimeDelta;
use serde_json::json;

use super::{WITH_KEYS, get_with, guarded, make};
use crate::support::test_app::{Setup, TestApp};

/// A page whose own name has come to point at 127.0.0.1 reads nothing here.
#[tokio::test]
async fn a_request_for_another_machine_is_refused_where_nobody_needs_a_key() {
    let settings = &[("SERVER__HOSTS", "barkeep.internal,10.0.0.7")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    for host in ["localhost", "127.0.0.1:8380", "[::1]:1", "Barkeep.Internal:80", "10.0.0.7"] {
        for path in ["/v1/series", "/livez", "/metrics"] {
            let answer = app.send(Request::get(path).header("host", host)).await;
            assert_eq!(answer.status, 200, "{host} {path}");
        }
    }
    for host in ["evil.example", "evil.example:8380", "localhost.evil.example", "10.0.0.8", ""] {
        for path in ["/v1/series", "/livez", "/metrics", "/nowhere"] {
            let answer = app.send(Request::get(path).header("host", host)).await;
            let problem = answer.problem_of(&format!("{host} {path}"), 421);
            assert_eq!(problem["code"], "unknown_host");
        }
    }
    let twice = Request::get("/livez").header("host", "localhost").header("host", "evil.example");
    app.send(twice).await.problem_of("two hosts", 421);
    let whole = Request::get("http://evil.example/livez").header("host", "localhost");
    app.send(whole).await.problem_of("a host in the address", 421);
}

#[tokio::test]
async fn with_keys_any_name_will_do_and_open_routes_stay_open() {
    let app = guarded().await;
    let token = make(&app, "reader", Scope::Read, None).await;
    let named = |path| Request::get(path).header("host", "bars.example");
    assert_eq!(app.send(named("/livez")).await.status, 200);
    let bearer = format!("bearer {token}");
    assert_eq!(app.send(named("/v1/series").header(AUTHORIZATION, bearer)).await.status, 200);
}

/// A form of another site needs no permission to be sent, so it must not be obeyed.
#[tokio::test]
async fn a_command_that_a_page_of_another_site_sends_is_refused() {
    let app = TestApp::start().await;
    let post = || Request::post("/v1/series").header("host", "localhost:8380");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:3000"),
        ("origin", "null"),
    ] {
        let problem = app.send(post().header(name, value)).await.problem_of(value, 403);
        assert_eq!(problem["code"], "cross_site");
    }
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("origin", "http://localhost:8380"),
        ("accept", "*/*"),
    ] {
        assert_eq!(app.send(post().header(name, value)).await.status, 405, "{name} {value}");
    }
}

/// No page of another site may read anything, whatever it asks with.
#[tokio::test]
async fn nobody_is_given_leave_to_read_from_another_site() {
    let app = guarded().await;
    let token = make(&app, "admin", Scope::Admin, None).await;
    let document = json!(barkeep::api::document());
    for path in document["paths"].as_object().unwrap().keys() {
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            for authorization in ["", &format!("Bearer {token}")] {
                let request = Request::builder()
                    .method(method.clone())
                    .uri(path.replace(['{', '}'], ""))
                    .header("origin", "http://evil.example")
                    .header("access-control-request-method", "POST")
                    .header("access-control-request-headers", "authorization")
                    .header(AUTHORIZATION, authorization);
                let answer = app.send(request).await;
                let leave: Vec<_> = answer
                    .headers
                    .keys()
                    .filter(|name| name.as_str().starts_with("access-control"))
                    .collect();
                assert!(leave.is_empty(), "{method} {path}: {leave:?}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_asks_too_much_is_told_to_wait_and_others_are_not() {
    const SETTINGS: &[(&str, &str)] =
        &[("AUTH__MODE", "keys"), ("SERVER__REQUESTS_PER_SECOND", "5")];
    let app = TestApp::with(Setup { settings: SETTINGS, ..Setup::default() }).await;
    let busy = make(&app, "busy", Scope::Read, None).await;
    let calm = make(&app, "calm", Scope::Read, None).await;
    for number in 0..5 {
        assert_eq!(get_with(&app, "/v1/providers", &busy).await.status, 200, "{number}");
    }
    let refused = get_with(&app, "/v1/providers", &busy).await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit"), "\"caller\";r=0;t=1");
    assert_eq!(refused.header("ratelimit-policy"), "\"caller\";q=5;w=1");
    assert_eq!(refused.problem_of("the sixth", 429)["code"], "too_many_requests");
    assert_eq!(get_with(&app, "/v1/providers", &calm).await.status, 200);
    app.clock.advance(TimeDelta::milliseconds(200));
    assert_eq!(get_with(&app, "/v1/providers", &busy).await.status, 200);
    assert_eq!(get_with(&app, "/v1/providers", &busy).await.status, 429);
    // Whoever guesses at keys is slowed down as well.
    let guess = "bk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for _ in 0..5 {
        assert_eq!(get_with(&app, "/v1/providers", guess).await.status, 401);
    }
    assert_eq!(get_with(&app, "/v1/providers", guess).await.status, 429);
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_is_not_read() {
    let settings = &[("SERVER__MAX_BODY", "2KiB")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    let announced =
        |length: &'static str| Request::get("/v1/series").header("content-length", length);
    assert_eq!(app.send(announced("2048")).await.status, 200);
    for length in ["2049", "18446744073709551615"] {
        let problem = app.send(announced(length)).await.problem_of(length, 413);
        assert_eq!(problem["code"], "body_too_large");
    }
}

#[tokio::test]
async fn metrics_need_a_key_unless_they_are_opened() {
    let app = guarded().await;
    app.get("/metrics").await.problem_of("metrics", 401);
    let settings = &[("AUTH__MODE", "keys"), ("AUTH__OPEN_METRICS", "true")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    assert_eq!(app.get("/metrics").await.status, 200);
    assert_eq!(get_with(&app, "/metrics", "nonsense").await.status, 200);
    app.get("/v1/series").await.problem_of("anything else", 401);
    assert_eq!(WITH_KEYS[0], settings[0]);
}
