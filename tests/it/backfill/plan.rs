//! What a plan says is what is done.

use serde_json::{Value, json};

use super::{CHUNKS, END, START, bench, create, published, requests, show, step, two_months, work};
use crate::support::test_app::TestApp;

async fn plan(app: &TestApp, spec: &Value) -> Value {
    app.post("/v1/backfills:plan", spec).await.ok()
}

#[tokio::test]
async fn a_plan_asks_nobody_and_counts_what_is_asked_afterwards() {
    let app = bench().await;
    let before = requests(&app);
    let plan = plan(&app, &two_months()).await;
    assert_eq!(requests(&app), before);
    assert_eq!((&plan["chunks"], &plan["requests"]), (&json!(CHUNKS), &json!(5)));
    assert_eq!(plan["candles_expected"], 1_488);
    assert_eq!(plan["providers"][0]["requests"], 5);
    assert_eq!(plan["providers"][0]["shares"][0]["limit"], "2000000000/s");
    let made = app.post("/v1/backfills", &json!({ "plan_id": plan["plan_id"] })).await;
    assert_eq!(made.status.as_u16(), 202, "{}", made.text());
    work(&app).await;
    assert_eq!(requests(&app) - before, 5);
    let id = made.json["backfill_id"].as_str().unwrap();
    assert_eq!(show(&app, id).await["progress"]["candles_landed"], published(&app, START, END));
}

#[tokio::test]
async fn a_plan_is_refused_once_the_world_has_changed_or_it_has_expired() {
    let app = bench().await;
    let stale = plan(&app, &two_months()).await;
    let id = create(&app, &two_months()).await;
    step(&app).await;
    super::act(&app, &id, "cancel").await;
    let apply = json!({ "plan_id": stale["plan_id"] });
    let problem = app.post("/v1/backfills", &apply).await.problem_of("stale", 409);
    assert_eq!(problem["code"], "plan_outdated");
    let fresh = plan(&app, &two_months()).await;
    assert_eq!(fresh["chunks"], CHUNKS - 1);
    app.clock.advance(chrono::TimeDelta::minutes(61));
    let apply = json!({ "plan_id": fresh["plan_id"] });
    app.post("/v1/backfills", &apply).await.problem_of("expired", 404);
}

#[tokio::test]
async fn t62_history_that_another_backfill_has_in_work_is_a_conflict() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    let mut overlapping = two_months();
    overlapping["start"] = json!("2024-02-20T00:00:00Z");
    overlapping["end"] = json!("2024-03-05T00:00:00Z");
    let plan = plan(&app, &overlapping).await;
    assert_eq!(plan["conflicts"][0]["backfill_id"], id);
    assert_eq!(plan["conflicts"][0]["end"], END);
    for spec in [two_months(), overlapping] {
        let problem = app.post("/v1/backfills", &spec).await.problem_of("overlap", 409);
        assert_eq!(problem["code"], "history_in_work");
        assert!(problem["detail"].as_str().unwrap().contains(&id), "{problem}");
    }
    // Beside it there is room.
    let mut beside = two_months();
    beside["start"] = json!(END);
    beside["end"] = json!("2024-03-05T00:00:00Z");
    create(&app, &beside).await;
}

/// 10,000 chunks and more, planned and written down.
#[tokio::test]
async fn t61_ten_thousand_chunks_are_planned_and_written_down_at_once() {
    let app = bench().await;
    let spec = json!({
        "assets": ["BTCUSD", "ETHUSD"], "timeframes": ["1m"],
        "start": "2021-04-01T00:00:00Z", "end": "2024-03-01T00:00:00Z",
    });
    let began = std::time::Instant::now();
    let id = create(&app, &spec).await;
    let took = began.elapsed();
    let chunks = show(&app, &id).await["progress"]["chunks_total"].as_i64().unwrap();
    println!("{chunks} chunks in {took:?}");
    assert!(chunks > 10_000);
    // Two seconds in an optimized build; a busy machine and this one get more.
    assert!(took.as_secs() < 20, "{took:?}");
}

#[tokio::test]
async fn what_was_refused_is_asked_for_again_only_if_that_is_wanted() {
    let app = bench().await;
    app.set_faults(&["bad_row=1"]);
    create(&app, &two_months()).await;
    work(&app).await;
    app.set_faults(&[]);
    let planned = async |reprocess: &str| {
        let mut spec = two_months();
        spec["reprocess"] = json!(reprocess);
        let plan = plan(&app, &spec).await;
        plan["candles_expected"].as_i64().unwrap()
    };
    let (missing, failed, all) =
        (planned("missing").await, planned("failed").await, planned("all").await);
    assert!(missing < failed, "{missing} {failed} {all}");
    assert_eq!(all, 1_488);
}
