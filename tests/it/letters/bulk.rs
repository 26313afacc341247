//! Many letters at once: looked at first, then decided about, and only as many as were looked at.

use std::fmt::Write;

use barkeep::store::{AuditFilter, DeadLetterFilter, LetterState};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{BTC, DISCARD, REPLAY, at, counts, keep, landed, letter, row};
use crate::support::test_app::TestApp;

/// 12 rows that are good by now and 5 that are not, in two groups.
async fn mixed() -> (TestApp, String) {
    let app = TestApp::start().await;
    let received_at = at("2024-03-06T11:30:00Z");
    let good: Vec<_> = (0..12).map(|n| letter(&row(n, 105.0).1, received_at)).collect();
    let bad: Vec<_> =
        (0..5).map(|n| letter(&row(n, 105.0).1.replace("110", "80"), received_at)).collect();
    keep(&app, &[good, bad].concat()).await;
    let mut csv = "time,open,high,low,close\n".to_owned();
    for minute in 0..8 {
        writeln!(csv, "2024-03-06T10:{minute:02}:00Z,1,2,3,1").unwrap();
    }
    app.import("bad.csv", &csv, BTC).await;
    let groups = app.get("/v1/dead-letters/groups").await.ok();
    let groups = groups["items"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{groups:?}");
    let group = groups.iter().find(|group| group["expectation"] == "readable").unwrap();
    assert_eq!(group["open"], 17);
    let name = group["fingerprint"].as_str().unwrap().to_owned();
    let listed = app.get(&format!("/v1/dead-letters?fingerprint={name}")).await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 17);
    (app, name)
}

#[tokio::test]
async fn a_group_is_looked_at_first_and_then_replayed_as_seen() {
    let (app, name) = mixed().await;
    let of = |more: Value| {
        let mut body = json!({ "filter": { "fingerprint": name } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let problem = app.post(REPLAY, &of(json!({}))).await.problem_of(REPLAY, 422);
    assert_eq!(problem["field"], "expected_count");
    let preview = app.post(REPLAY, &of(json!({ "dry_run": true }))).await.ok();
    assert_eq!((counts(&preview), &preview["matched"]), ([12, 0, 5, 0], &json!(17)));
    assert_eq!(preview["landed"], Value::Null);
    assert_eq!(landed(&app, BTC).await, []);
    let problem =
        app.post(REPLAY, &of(json!({ "expected_count": 16 }))).await.problem_of(REPLAY, 409);
    assert_eq!(problem["code"], "count_changed");
    assert!(problem["detail"].as_str().unwrap().starts_with("17 open letters"), "{problem}");
    assert_eq!(landed(&app, BTC).await, [], "nothing is done");

    let done = app.post(REPLAY, &of(json!({ "expected_count": 17 }))).await.ok();
    assert_eq!((counts(&done), &done["remaining"]), ([12, 0, 5, 0], &json!(0)));
    assert_eq!((&done["next"], &done["would_land"]), (&Value::Null, &Value::Null));
    assert_eq!(landed(&app, BTC).await.len(), 12);
    let again = app.post(REPLAY, &of(json!({ "expected_count": 5 }))).await.ok();
    assert_eq!(counts(&again), [0, 0, 5, 0]);
    assert_eq!(landed(&app, BTC).await.len(), 12);
    let groups = app.get("/v1/dead-letters/groups?state=replayed").await.ok();
    assert_eq!(groups["items"][0]["replayed"], 12);
    let replayed = app.get("/v1/dead-letters?state=replayed").await.ok();
    assert_eq!(replayed["items"].as_array().unwrap().len(), 12);
    let metrics = app.get("/metrics").await;
    for line in [
        "barkeep_dead_letters 25",
        "barkeep_dead_letters_open{expectation=\"readable\",provider=\"coinbase\"} 5",
        "barkeep_dead_letters_open{expectation=\"high_not_below_low\",provider=\"coinbase\"} 8",
        "barkeep_dead_letter_oldest_open_timestamp_seconds 1709724600",
    ] {
        assert!(metrics.text().contains(&format!("{line}\n")), "{line}");
    }
}

#[tokio::test]
async fn letters_are_given_up_with_a_reason_and_open_again_when_they_are_refused_anew() {
    let (app, _) = mixed().await;
    let filter = json!({ "series": BTC, "expectation": "high_not_below_low" });
    let bodies = [
        json!({ "filter": filter, "expected_count": 8 }),
        json!({ "filter": filter, "expected_count": 8, "reason": " " }),
        json!({ "filter": filter, "expected_count": 8, "reason": "x".repeat(501) }),
    ];
    for body in bodies {
        let problem = app.post(DISCARD, &body).await.problem_of(DISCARD, 422);
        assert_eq!(problem["field"], "reason");
    }
    let preview = app.post(DISCARD, &json!({ "filter": filter, "dry_run": true })).await.ok();
    assert_eq!((&preview["discarded"], &preview["dry_run"]), (&json!(8), &json!(true)));
    let is = |state| DeadLetterFilter { state, ..DeadLetterFilter::default() };
    let count = async |state| app.app.store.dead_letters_of(&is(state)).await.unwrap();
    assert_eq!(count(LetterState::Discarded).await, 0);
    let body = json!({ "filter": filter, "expected_count": 8, "reason": "a broken file" });
    for _ in 0..2 {
        let answer = app.post(DISCARD, &body).await;
        if answer.status == 409 {
            break;
        }
        assert_eq!(answer.ok()["discarded"], 8);
    }
    assert_eq!((count(LetterState::Discarded).await, count(LetterState::Open).await), (8, 17));
    let audit = app.app.store.audit(&AuditFilter::default(), 9).await.unwrap();
    assert_eq!((audit.len(), &audit[0].detail["reason"]), (1, &json!("a broken file")));
    let listed = app.get("/v1/dead-letters?state=discarded").await.ok();
    assert_eq!(listed["items"][0]["reason"], "a broken file");
    app.clock.advance(TimeDelta::minutes(1));
    app.import("bad.csv", "time,open,high,low,close\n2024-03-06T10:00:00Z,1,2,3,1\n", BTC).await;
    assert_eq!((count(LetterState::Discarded).await, count(LetterState::Open).await), (7, 18));
}

#[tokio::test]
async fn a_cursor_goes_on_where_a_command_had_to_stop() {
    let app = TestApp::start().await;
    let start = at("2024-03-06T11:00:00Z");
    let letters: Vec<_> =
        (0..6).map(|n| letter(&row(n, 105.0).1, start + TimeDelta::minutes(n))).collect();
    keep(&app, &letters).await;
    let cursor = format!("{}.{}", letters[3].extracted_at.timestamp_micros(), letters[3].id);
    let body = json!({ "filter": {}, "cursor": cursor, "expected_count": 3 });
    let answer = app.post(REPLAY, &body).await.ok();
    assert_eq!((counts(&answer), &answer["matched"]), ([3, 0, 0, 0], &json!(3)));
    let open = app.get("/v1/dead-letters").await.ok();
    let ids: Vec<_> = open["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [5, 4, 3].map(|n: usize| &letters[n].id));
}

#[tokio::test]
async fn a_command_that_makes_no_sense_is_refused_by_name() {
    let app = TestApp::start().await;
    let many: Vec<String> = (0..1_001).map(|n| format!("dl_{n}")).collect();
    let cases = [
        (json!({}), 422, "ids"),
        (json!({ "ids": [] }), 422, "ids"),
        (json!({ "ids": many }), 422, "ids"),
        (json!({ "ids": ["dl_0"], "filter": {} }), 422, "filter"),
        (json!({ "ids": ["dl_0"], "cursor": "1.dl_0" }), 422, "cursor"),
        (json!({ "ids": "dl_0" }), 422, "ids"),
        (json!({ "filter": { "state": "open" }, "dry_run": true }), 422, "filter.state"),
        (json!({ "filter": { "series": "BTC" }, "dry_run": true }), 422, "filter.series"),
        (
            json!({ "filter": { "expectation": "On Grid" }, "dry_run": true }),
            422,
            "filter.expectation",
        ),
        (json!({ "filter": { "fingerprint": "x" }, "dry_run": true }), 422, "filter.fingerprint"),
        (json!({ "filter": {}, "dry_run": true, "cursor": "1.bf_0" }), 422, "cursor"),
        (json!({ "filter": {}, "dry_run": true, "cursor": "x" }), 422, "cursor"),
        (json!({ "filter": {}, "dry_run": "yes" }), 422, "dry_run"),
    ];
    for (body, status, field) in cases {
        for path in [REPLAY, DISCARD] {
            let mut body = body.clone();
            body["reason"] = json!("why not");
            let problem = app.post(path, &body).await.problem_of(path, status);
            assert_eq!(problem["field"], field, "{path} {body}: {problem}");
        }
    }
    let problem = app.post(REPLAY, &json!({ "ids": ["dl_0"] })).await.problem_of(REPLAY, 404);
    assert!(problem["detail"].as_str().unwrap().contains("dl_0"), "{problem}");
    for query in ["state=closed", "fingerprint=", "fingerprint=a.b", "fingerprint=a.b.C"] {
        let path = format!("/v1/dead-letters?{query}");
        let problem = app.get(&path).await.problem_of(&path, 422);
        assert_eq!(problem["field"], query.split('=').next().unwrap(), "{path}");
    }
    let path = "/v1/dead-letters/groups?state=x";
    assert_eq!(app.get(path).await.problem_of(path, 422)["field"], "state");
}
