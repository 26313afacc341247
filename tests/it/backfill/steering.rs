//! Paused, resumed, given up, tried again.

use barkeep::{backfill, market::ProviderId};
use serde_json::json;

use super::{
    CHUNKS, END, START, act, bench, create, finals, published, requests, show, step, two_months,
    work,
};
use crate::support::test_app::TestApp;

#[tokio::test]
async fn t58_a_pause_survives_a_restart_and_resuming_goes_on() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    step(&app).await;
    let answer = app
        .post(&format!("/v1/backfills/{id}/pause"), &json!({ "reason": "month end" }))
        .await
        .ok();
    assert_eq!((&answer["state"], &answer["reason"]), (&json!("paused"), &json!("month end")));
    let before = requests(&app);
    let app = app.restart().await;
    assert_eq!(work(&app).await, 0);
    assert_eq!(requests(&app), before);
    assert_eq!(show(&app, &id).await["state"], "paused");
    assert_eq!(act(&app, &id, "resume").await["state"], "running");
    assert_eq!(work(&app).await as i64, CHUNKS - 1);
    assert_eq!(show(&app, &id).await["state"], "completed");
}

/// The chunk has five requests to make; after the pause none is made that was not on its way.
#[tokio::test]
async fn t59_a_pause_holds_a_chunk_up_between_two_of_its_requests() {
    for action in ["pause", "cancel"] {
        let app = super::with(&[("INGEST__PAGES_IN_FLIGHT", "1")]).await;
        let id = create(&app, &two_months()).await;
        app.set_faults(&["slow=1", "slow_millis=500"]);
        let before = requests(&app);
        let coinbase: ProviderId = "coinbase".parse().unwrap();
        let steer = async {
            while requests(&app) == before {
                tokio::task::yield_now().await;
            }
            act(&app, &id, action).await
        };
        let (done, told) = tokio::join!(app.run(backfill::step(&app.app, &coinbase)), steer);
        assert!(done.unwrap());
        // The worker may have noticed before the answer was written.
        let states =
            if action == "pause" { ["pausing", "paused"] } else { ["cancelling", "cancelled"] };
        assert!(states.contains(&told["state"].as_str().unwrap()), "{told:#}");
        assert_eq!(requests(&app), before + 1, "{action}");
        let kept = show(&app, &id).await;
        assert_eq!(kept["state"], if action == "pause" { "paused" } else { "cancelled" });
        assert_eq!(kept["progress"]["chunks_running"], 0);
        app.set_faults(&[]);
        if action == "pause" {
            act(&app, &id, "resume").await;
            work(&app).await;
            assert_eq!(
                finals(&app, "coinbase/BTCUSD/1h", START, END).await,
                published(&app, START, END)
            );
        }
    }
}

#[tokio::test]
async fn t56_what_is_given_up_keeps_what_has_landed_and_is_never_asked_for_again() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    step(&app).await;
    let landed = finals(&app, "coinbase/BTCUSD/1h", START, END).await;
    let cancelled = act(&app, &id, "cancel").await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["progress"]["chunks_cancelled"], CHUNKS - 1);
    assert_eq!(act(&app, &id, "cancel").await["state"], "cancelled", "told twice");
    assert_eq!(work(&app).await, 0);
    app.settle().await;
    assert_eq!(finals(&app, "coinbase/BTCUSD/1h", START, END).await, landed);
    for action in ["pause", "resume", "retry-failed"] {
        let path = format!("/v1/backfills/{id}/{action}");
        let problem = app.post(&path, &json!({})).await.problem_of(&path, 409);
        assert_eq!(problem["code"], "illegal_transition");
        assert_eq!(problem["fix"], "what can be done with it: cancel");
        assert_eq!(problem["allowed"], json!(["cancel"]));
    }
    // Its history is free for another one.
    create(&app, &two_months()).await;
}

#[tokio::test]
async fn chunks_that_fail_for_good_are_listed_with_their_reasons_and_can_be_tried_again() {
    let app =
        super::with(&[("INGEST__CHUNK_CANDLES", "300"), ("PROVIDERS__COINBASE__RETRIES", "0")])
            .await;
    let id = create(&app, &two_months()).await;
    step(&app).await;
    app.set_faults(&["server_error=1"]);
    fail(&app).await;
    let failed = show(&app, &id).await;
    assert_eq!(failed["state"], "completed_with_errors", "{failed:#}");
    assert_eq!(failed["progress"]["chunks_failed"], CHUNKS - 1);
    let chunks = app.get(&format!("/v1/backfills/{id}/chunks?state=failed")).await.ok();
    for chunk in chunks["items"].as_array().unwrap() {
        assert_eq!(chunk["attempts"], 5);
        assert!(chunk["error"].as_str().unwrap().contains("50"), "{chunk:#}");
    }
    app.set_faults(&[]);
    app.clock.advance(chrono::TimeDelta::hours(1));
    assert_eq!(act(&app, &id, "retry-failed").await["state"], "running");
    work(&app).await;
    let done = show(&app, &id).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    assert_eq!(done["progress"]["share"], 1.0);
    assert_eq!(done["progress"]["candles_landed"], published(&app, START, END));
}

/// Works on, and lets time pass where everything waits, until nothing is left to do.
async fn fail(app: &TestApp) {
    for _ in 0..400 {
        work(app).await;
        let open = app.get("/v1/backfills?state=active").await.ok();
        if open["items"].as_array().unwrap().is_empty() {
            return;
        }
        app.clock.advance(chrono::TimeDelta::minutes(1));
    }
    panic!("it does not come to an end");
}

/// A worker that went away keeps its chunk until its lease has ended, and no longer.
#[tokio::test]
async fn t67_the_chunk_of_a_worker_that_went_away_is_done_by_another_one_after_its_lease() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    let now = app.now();
    let claimer = barkeep::store::Claimer {
        holder: "gone",
        now,
        lease_until: now + chrono::TimeDelta::seconds(30),
    };
    let coinbase = "coinbase".parse().unwrap();
    let claim = app.app.store.claim_chunk(&id, &coinbase, claimer).await.unwrap().unwrap();
    assert_eq!(work(&app).await as i64, CHUNKS - 1);
    assert_eq!(show(&app, &id).await["state"], "running");
    app.clock.advance(chrono::TimeDelta::seconds(29));
    backfill::tick(&app.app).await.unwrap();
    assert_eq!(work(&app).await, 0);
    app.clock.advance(chrono::TimeDelta::seconds(2));
    backfill::tick(&app.app).await.unwrap();
    assert_eq!(work(&app).await, 1);
    assert_eq!(show(&app, &id).await["state"], "completed");
    // Whoever was thought dead and wakes up has nothing to say any more.
    let late = barkeep::store::Settlement::Failed { error: "late".to_owned() };
    let spent = barkeep::store::Spent::default();
    let told = app.app.store.settle_chunk(&claim, &late, spent, app.now()).await;
    assert!(matches!(told, Err(barkeep::store::StoreError::MovedOn { .. })), "{told:?}");
    assert_eq!(show(&app, &id).await["state"], "completed");
}

/// Chunks whose workers die again and again are given up, rather than kill every worker there is.
#[tokio::test]
async fn a_chunk_that_ends_its_workers_is_given_up() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    let coinbase = "coinbase".parse().unwrap();
    for _ in 0..5 {
        let now = app.now();
        let lease_until = now + chrono::TimeDelta::seconds(30);
        let claimer = barkeep::store::Claimer { holder: "gone", now, lease_until };
        app.app.store.claim_chunk(&id, &coinbase, claimer).await.unwrap().unwrap();
        app.clock.advance(chrono::TimeDelta::seconds(31));
        backfill::tick(&app.app).await.unwrap();
    }
    work(&app).await;
    let kept = show(&app, &id).await;
    assert_eq!(kept["state"], "completed_with_errors");
    let chunks = app.get(&format!("/v1/backfills/{id}/chunks?state=failed")).await.ok();
    let error = chunks["items"][0]["error"].as_str().unwrap();
    assert_eq!(error, "given up after 5 attempts: its worker went away");
}
