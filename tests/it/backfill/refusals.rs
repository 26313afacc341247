//! What cannot be asked for, and how that is said.

use serde_json::{Value, json};

use super::{bench, two_months};

/// What differs from a good request, and the field that is named.
fn wrong() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "start": "2024-03-05T00:00:00Z" }), "end"),
        (json!({ "start": "2024-03-03T00:00:00Z" }), "end"),
        (json!({ "end": "2024-03-07T00:00:00Z" }), "end"),
        (json!({ "start": "1969-12-31T23:59:59Z" }), "start"),
        (json!({ "start": "2024-01-01T00:00:00" }), "start"),
        (json!({ "start": "2024-01-01" }), "start"),
        (json!({ "start": 1_704_067_200 }), "start"),
        (json!({ "start": null }), "start"),
        (json!({ "days": 7 }), "days"),
        (json!({ "start": null, "days": 0 }), "days"),
        (json!({ "start": null, "days": -1 }), "days"),
        (json!({ "start": null, "days": 36_501 }), "days"),
        (json!({ "assets": [] }), "assets"),
        (json!({ "assets": null }), "assets"),
        (json!({ "assets": "BTCUSD" }), "assets"),
        (json!({ "assets": ["BTCUSD", "!"] }), "assets[1]"),
        (json!({ "timeframes": ["2m"] }), "timeframes[0]"),
        (json!({ "timeframes": [] }), "timeframes"),
        (json!({ "provider": "Nobody!" }), "provider"),
        (json!({ "provider": "oanda" }), "assets[0]"),
        (json!({ "priority": "urgent" }), "priority"),
        (json!({ "order": "random" }), "order"),
        (json!({ "reprocess": "some" }), "reprocess"),
        (json!({ "asset": "BTCUSD" }), "asset"),
        (json!({ "plan_id": "pl_0" }), "plan_id"),
        (json!({ "reason": "x".repeat(501) }), "reason"),
    ]
}

#[tokio::test]
async fn t64_what_makes_no_sense_is_refused_by_the_name_of_its_field() {
    let app = bench().await;
    for (change, field) in wrong() {
        let mut spec = two_months();
        for (name, value) in change.as_object().unwrap() {
            spec[name] = value.clone();
        }
        for path in ["/v1/backfills", "/v1/backfills:plan"] {
            let problem = app.post(path, &spec).await.problem_of(&spec.to_string(), 422);
            assert_eq!(problem["field"], field, "{spec}: {problem}");
        }
    }
    let listed = app.get("/v1/backfills").await.ok();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn a_body_that_is_none_is_refused() {
    let app = bench().await;
    for body in ["", "{", "[]", "null", "{} {}", "\u{0}"] {
        let request = axum::http::Request::post("/v1/backfills");
        let answer = app.raw(request.header("content-type", "application/json"), body).await;
        let problem = answer.problem_of(body, 422);
        assert!(problem["field"].is_string());
    }
    let request = axum::http::Request::post("/v1/backfills");
    app.raw(request, &two_months().to_string()).await.problem_of("no type", 415);
}

#[tokio::test]
async fn names_that_nothing_has_are_told() {
    let app = bench().await;
    for path in ["/v1/backfills/bf_0", "/v1/backfills/bf_0/chunks", "/v1/backfills/bf_0/events"] {
        app.get(path).await.problem_of(path, 404);
    }
    for action in ["pause", "resume", "cancel", "retry-failed"] {
        let path = format!("/v1/backfills/bf_0/{action}");
        app.post(&path, &json!({})).await.problem_of(&path, 404);
    }
    let path = "/v1/backfills";
    app.post(path, &json!({ "plan_id": "pl_0" })).await.problem_of("plan", 404);
    for query in ["state=odd", "cursor=x", "cursor=1.", "limit=0", "status=active"] {
        let path = format!("{path}?{query}");
        app.get(&path).await.problem_of(&path, 422);
    }
}

/// A hundred years of minutes are too many chunks, and nothing of them is written down.
#[tokio::test]
async fn t64_more_than_one_backfill_can_hold_is_refused() {
    let app = bench().await;
    let all: Vec<String> = (0..500).map(|n| format!("X{n}USD")).collect();
    let spec = json!({ "assets": all, "timeframes": ["1m"], "start": "1970-01-01T00:00:00Z" });
    let problem = app.post("/v1/backfills", &spec).await.problem_of("all", 422);
    assert_eq!(problem["field"], "start", "{problem}");
}
