//! The same request twice, and commands that come at the same time.

use barkeep::{backfill, market::ProviderId};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{CHUNKS, END, START, bench, finals, published, show, step, two_months, work};
use crate::support::test_app::{Answer, TestApp};

async fn create(app: &TestApp, key: &str, spec: &Value) -> Answer {
    let request = axum::http::Request::post("/v1/backfills").header("idempotency-key", key);
    app.command(request, spec).await
}

#[tokio::test]
async fn t62_a_request_that_is_repeated_with_its_key_creates_one_backfill() {
    let app = bench().await;
    let first = create(&app, "a", &two_months()).await;
    assert_eq!(first.status.as_u16(), 202);
    work(&app).await;
    let again = create(&app, "a", &two_months()).await;
    assert_eq!(again.status.as_u16(), 200, "{}", again.text());
    assert_eq!(again.json["backfill_id"], first.json["backfill_id"]);
    let mut other = two_months();
    other["end"] = json!("2024-03-04T00:00:00Z");
    let problem = create(&app, "a", &other).await.problem_of("another request", 422);
    assert_eq!(problem["field"], "idempotency-key");
    for bad in ["", "with space", &"x".repeat(201)] {
        create(&app, bad, &two_months()).await.problem_of(bad, 422);
    }
    assert_eq!(app.get("/v1/backfills").await.ok()["items"].as_array().unwrap().len(), 1);
}

/// Days before now are other days a minute later; the request is the same.
#[tokio::test]
async fn a_key_knows_a_request_by_what_was_said_and_not_by_when() {
    let app = bench().await;
    let spec = json!({ "assets": ["BTCUSD"], "timeframes": ["1h"], "days": 30 });
    let first = create(&app, "a", &spec).await;
    app.clock.advance(chrono::TimeDelta::hours(2));
    let again = create(&app, "a", &spec).await;
    assert_eq!(again.json["backfill_id"], first.json["backfill_id"]);
}

#[tokio::test]
async fn t62_of_many_at_the_same_time_one_is_created() {
    let app = bench().await;
    let spec = two_months();
    let with_key = join_all((0..8).map(|_| create(&app, "same", &spec))).await;
    let status = |answer: &Answer| answer.status.as_u16();
    let created = with_key.iter().filter(|answer| status(answer) == 202).count();
    assert_eq!(created, 1, "{:?}", with_key.iter().map(status).collect::<Vec<_>>());
    assert!(with_key.iter().all(|answer| matches!(status(answer), 200 | 202)));
    let without = join_all((0..8).map(|_| app.post("/v1/backfills", &spec))).await;
    assert!(without.iter().all(|answer| status(answer) == 409));
    let audit = app.app.store.audit(&barkeep::store::AuditFilter::default(), 100).await.unwrap();
    assert_eq!(audit.iter().filter(|entry| entry.command == "backfill.create").count(), 1);
}

/// Whatever two do at once with a backfill, it ends up as one of them said, and is never stuck.
#[tokio::test]
async fn every_pair_of_commands_at_the_same_time_ends_in_a_state_that_one_of_them_wanted() {
    let actions = ["pause", "resume", "cancel", "retry-failed"];
    for first in actions {
        for second in actions {
            let app = bench().await;
            let id = super::create(&app, &two_months()).await;
            step(&app).await;
            let act = async |action: &str| {
                app.post(&format!("/v1/backfills/{id}/{action}"), &json!({})).await
            };
            let coinbase: ProviderId = "coinbase".parse().unwrap();
            let at_work = app.run(backfill::step(&app.app, &coinbase));
            let (_, one, two) = tokio::join!(at_work, act(first), act(second));
            for answer in [&one, &two] {
                assert!(matches!(answer.status.as_u16(), 200 | 409), "{}", answer.text());
            }
            let state = show(&app, &id).await["state"].as_str().unwrap().to_owned();
            let is_cancelled = [first, second].contains(&"cancel");
            assert_eq!(state == "cancelled", is_cancelled, "{first} {second}: {state}");
            if !is_cancelled {
                act("resume").await.ok();
                work(&app).await;
                assert_eq!(show(&app, &id).await["state"], "completed", "{first} {second}");
                assert_eq!(
                    finals(&app, "coinbase/BTCUSD/1h", START, END).await,
                    published(&app, START, END)
                );
            }
        }
    }
}

/// Two workers at once share the chunks, and every candle lands once.
#[tokio::test]
async fn workers_share_the_chunks_of_a_backfill() {
    let app = bench().await;
    let id = super::create(&app, &two_months()).await;
    let coinbase: ProviderId = "coinbase".parse().unwrap();
    let worker = async || {
        let mut steps = 0;
        while backfill::step(&app.app, &coinbase).await.unwrap() {
            steps += 1;
        }
        steps
    };
    let steps = app.run(join_all([worker(), worker(), worker()])).await;
    assert_eq!(steps.iter().sum::<i64>(), CHUNKS);
    let done = show(&app, &id).await;
    assert_eq!(done["state"], "completed");
    assert_eq!(done["progress"]["candles_landed"], published(&app, START, END));
}
