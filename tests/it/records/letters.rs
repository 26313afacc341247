//! Documents that were refused: kept as they came, and judged again.

use barkeep::{
    market::{RecordKind, Subject},
    quality::DeadLetter,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{DECISIONS, counts, decision, ingest};
use crate::support::test_app::TestApp;

#[tokio::test]
async fn what_is_refused_is_kept_as_it_came_and_holds_up_nobody() {
    let app = TestApp::start().await;
    let mut bad = decision("d1", 0);
    bad["confidence"] = json!(0.8);
    let answer = app.post(DECISIONS, &json!([bad, decision("d2", 1), 7])).await.ok();
    assert_eq!(counts(&answer), [1, 0, 0, 2]);
    let refusals = answer["refusals"].as_array().unwrap();
    assert_eq!((&refusals[0]["index"], &refusals[1]["index"]), (&json!(0), &json!(2)));
    assert_eq!(refusals[0]["fix"], "write percent: 80");
    let id = refusals[0]["dead_letter"].as_str().unwrap();
    let raw = app.get(&format!("/v1/dead-letters/{id}/raw")).await;
    assert_eq!(raw.text(), bad.to_string());
    let listed = app.get("/v1/dead-letters?series=raw_ai_decisions").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let replayed = replay(&app, &json!({ "ids": [id] })).await;
    assert_eq!(replayed["still_refused"], 1, "{replayed}");
    let path = "/v1/dead-letters/discard";
    let discarded = app.post(path, &json!({ "ids": [id], "reason": "a test" })).await.ok();
    assert_eq!(discarded["discarded"], 1, "{discarded}");
}

async fn replay(app: &TestApp, which: &Value) -> Value {
    app.post("/v1/dead-letters/replay", which).await.ok()
}

/// As a Barkeep with stricter rules would have refused it.
async fn refused_once(app: &TestApp, document: &Value, hours: i64) -> String {
    let subject = Subject::from(RecordKind::Decision);
    let at = app.now() - TimeDelta::hours(hours);
    let detail = "nobody knew this shape then".to_owned();
    let raw = document.to_string().into_bytes().into();
    let letter = DeadLetter::new(subject, None, "readable", detail, raw, ("a file", at));
    app.app.store.keep(std::slice::from_ref(&letter)).await.unwrap();
    letter.id
}

#[tokio::test]
async fn a_letter_that_is_acceptable_now_lands_unless_it_was_overtaken() {
    let app = TestApp::start().await;
    let alone = refused_once(&app, &decision("alone", 0), 1).await;
    let mut old = decision("overtaken", 1);
    old["confidence"] = json!(10);
    let old = refused_once(&app, &old, 1).await;
    assert_eq!(ingest(&app, DECISIONS, &decision("overtaken", 1)).await, [1, 0, 0, 0]);
    let both = json!({ "ids": [alone, old], "dry_run": true });
    let preview = replay(&app, &both).await;
    assert_eq!(
        (&preview["would_land"], &preview["unchanged"]),
        (&json!(1), &json!(1)),
        "{preview}"
    );
    let done = replay(&app, &json!({ "ids": [alone, old] })).await;
    assert_eq!((&done["landed"], &done["unchanged"]), (&json!(1), &json!(1)), "{done}");
    let listed = app.get("/v1/decisions").await.ok();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!((&items[0]["confidence"], &items[0]["revision"]), (&json!(80), &json!(0)));
    assert_eq!(items[1]["extracted_at"], "2024-03-06T11:00:30Z");
}
