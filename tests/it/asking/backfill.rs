//! `barkeep backfill`, from the plan to the summary.

use insta::assert_snapshot;
use serde_json::json;

use super::{LOST, Said, Stub, backfill, plan};
use crate::cli::Desk;

const PLAN: &str = "POST /v1/backfills:plan";
const CREATE: &str = "POST /v1/backfills";
const SHOW: &str = "GET /v1/backfills/bf_1";
const CHUNKS: &str = "GET /v1/backfills/bf_1/chunks";

const JANUARY: &str = "backfill --assets btc-usd,ETHUSD --timeframes 1h,1d --start-date 2024-01-01 \
                       --end-date 2024-02-01 --every 1ms";

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_planned_applied_watched_and_summed_up() {
    let stub = Stub::answering([
        (PLAN, 200, plan(&json!([]))),
        (CREATE, 202, backfill("queued", 0, 0)),
        (SHOW, 200, backfill("queued", 0, 0)),
        (SHOW, 200, backfill("running", 1, 0)),
        (SHOW, 200, backfill("running", 1, 0)),
        (SHOW, 503, json!({ "detail": "it restarts" })),
        (SHOW, LOST, json!(null)),
        (SHOW, 200, backfill("completed", 4, 0)),
    ])
    .await;
    let words = format!(
        "{JANUARY} --provider coinbase --priority high --order newest-first --reprocess failed \
         --reason audit --yes"
    );
    let said = stub.run(&Desk::new(), &words);
    assert_snapshot!("backfill", said.whole());
    assert_eq!(
        stub.body(PLAN),
        json!({
            "assets": ["BTCUSD", "ETHUSD"], "timeframes": ["1h", "1d"], "provider": "coinbase",
            "start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z",
            "priority": "high", "order": "newest_first", "reprocess": "failed",
        })
    );
    assert_eq!(stub.body(CREATE), json!({ "plan_id": "pl_1", "reason": "audit" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_only_plans() {
    let stub = Stub::answering([(PLAN, 200, plan(&json!([])))]).await;
    let said = stub.run(&Desk::new(), "backfill --assets BTCUSD --days 7 --dry-run");
    assert_snapshot!("dry_run", said.whole());
    assert_eq!(stub.asked(), [PLAN]);
    assert_eq!(stub.body(PLAN), json!({ "assets": ["BTCUSD"], "days": 7 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_asked_nothing_is_done_without_yes() {
    let stub = Stub::answering([(PLAN, 200, plan(&json!([])))]).await;
    let said = stub.run(&Desk::new(), JANUARY);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("Proceed?") && said.err.contains("say --yes"), "{}", said.err);
    assert_eq!(stub.asked(), [PLAN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_chunks_are_told_with_their_reasons_and_are_a_failure() {
    let chunk = json!({
        "chunk_id": "ch_9", "series": "coinbase/BTCUSD/1h", "start": "2024-01-01T00:00:00Z",
        "end": "2024-01-13T12:00:00Z", "state": "failed", "attempts": 5,
        "error": "400 INVALID_ARGUMENT\nunknown product", "not_before": null, "replica": null,
    });
    let stub = Stub::answering([
        (PLAN, 200, plan(&json!([]))),
        (CREATE, 202, backfill("queued", 0, 0)),
        (SHOW, 200, backfill("completed_with_errors", 3, 1)),
        (CHUNKS, 200, json!({ "items": [chunk], "next": null })),
    ])
    .await;
    let said = stub.run(&Desk::new(), &format!("{JANUARY} -y"));
    assert_snapshot!("failed_chunks", said.whole());
    let all_failed = backfill("failed", 0, 4);
    let stub = Stub::answering([(SHOW, 200, all_failed.clone())]).await;
    let said = stub.run(&Desk::new(), "backfills watch bf_1 --json");
    assert_eq!((said.code, said.out), (1, format!("{all_failed}\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_in_work_is_a_conflict() {
    let conflict = json!([{
        "backfill_id": "bf_7", "series": "coinbase/BTCUSD/1h",
        "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z",
    }]);
    let stub = Stub::answering([(PLAN, 200, plan(&conflict))]).await;
    let said = stub.run(&Desk::new(), &format!("{JANUARY} --yes"));
    assert_snapshot!("conflict", said.whole());
    assert_eq!(stub.asked(), [PLAN]);
    // Others may come between plan and application.
    let refused = json!({ "code": "conflict", "detail": "the plan is no longer true" });
    let stub = Stub::answering([(PLAN, 200, plan(&json!([]))), (CREATE, 409, refused)]).await;
    assert_eq!(stub.run(&Desk::new(), &format!("{JANUARY} --yes")).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_to_do_nothing_is_done() {
    let mut none = plan(&json!([]));
    none["chunks"] = json!(0);
    let stub = Stub::answering([(PLAN, 200, none)]).await;
    let said = stub.run(&Desk::new(), JANUARY);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("there is nothing to be done"), "{}", said.out);
    assert_eq!(stub.asked(), [PLAN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_is_told_how_to_watch() {
    let accepted = backfill("queued", 0, 0);
    let routes = [(PLAN, 200, plan(&json!([]))), (CREATE, 202, accepted.clone())];
    let stub = Stub::answering(routes).await;
    let said = stub.run(&Desk::new(), &format!("{JANUARY} --yes --no-wait"));
    assert_eq!(said.code, 0);
    assert!(said.out.ends_with("watch it: barkeep backfills watch bf_1\n"), "{}", said.out);
    let said = stub.run(&Desk::new(), &format!("{JANUARY} --yes --no-wait --json"));
    assert_eq!((said.code, said.out), (0, format!("{accepted}\n")));
    assert!(!stub.asked().contains(&SHOW.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    let stub = Stub::answering([
        (PLAN, 200, plan(&json!([]))),
        (CREATE, LOST, json!(null)),
        (CREATE, 200, backfill("queued", 0, 0)),
    ])
    .await;
    let run = || stub.run(&Desk::new(), &format!("{JANUARY} --yes --no-wait"));
    assert_eq!(run().code, 0);
    assert_eq!(run().code, 0);
    let created: Vec<_> = stub.seen().into_iter().filter(|one| one.what == CREATE).collect();
    let keys: Vec<_> = created.iter().map(|one| one.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1], "one intent");
    assert_ne!(keys[1], keys[2], "another intent");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_watching_and_not_the_backfill() {
    let running = backfill("running", 1, 0);
    let stub = Stub::answering([(SHOW, 200, running.clone())]).await;
    let watched = |more: &str| {
        let desk = Desk::new();
        let words = format!("backfills watch bf_1 --every 1ms{more}");
        let mut command = stub.command(&desk, &words);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        (command.spawn().unwrap(), desk)
    };
    for (more, times, expected) in [("", 3, String::new()), (" --json", 6, format!("{running}\n"))]
    {
        let (child, _desk) = watched(more);
        stub.asked_times(stub.seen().len() + times).await;
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let said = Said::of(&child.wait_with_output().unwrap());
        assert_eq!((said.code, said.out), (130, expected));
        assert!(said.err.contains("the backfill goes on"), "{}", said.err);
        assert!(said.err.contains("barkeep backfills cancel bf_1"), "{}", said.err);
    }
    assert!(stub.asked().iter().all(|what| what == SHOW), "nothing was stopped");
}
