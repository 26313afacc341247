//! `barkeep dead-letters replay` and `discard`: a preview, a question, and as many as were shown.

use serde_json::json;

use super::Stub;
use crate::cli::Desk;

const REPLAY: &str = "POST /v1/dead-letters/replay";
const DISCARD: &str = "POST /v1/dead-letters/discard";

fn outcome(dry_run: bool, still_refused: i64) -> serde_json::Value {
    let lands = if dry_run { "would_land" } else { "landed" };
    json!({
        "matched": 12, lands: 12 - still_refused, "unchanged": 0, "still_refused": still_refused,
        "not_replayable": 0, "dry_run": dry_run, "remaining": 0, "next": null,
        "reasons": [{ "outcome": "still_refused", "reason": "as before", "letters": 1, "sample": "dl_1" }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_counted_before_they_are_replayed() {
    let routes = [(REPLAY, 200, outcome(true, 0)), (REPLAY, 200, outcome(false, 0))];
    let stub = Stub::answering(routes).await;
    let words = "dead-letters replay --series coinbase/BTCUSD/1m --expectation high_not_below_low \
                 --fingerprint f1 --yes";
    let said = stub.run(&Desk::new(), words);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("landed"), "{}", said.out);
    assert!(said.err.contains("would land"), "{}", said.err);
    let filter = json!({
        "series": "coinbase/BTCUSD/1m", "expectation": "high_not_below_low", "fingerprint": "f1",
    });
    let bodies: Vec<_> = stub.seen().into_iter().map(|one| one.body).collect();
    let counted = json!({ "filter": filter, "dry_run": false, "expected_count": 12 });
    assert_eq!(bodies, [json!({ "filter": filter, "dry_run": true }), counted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_by_id_need_no_count_and_what_is_refused_again_is_a_failure() {
    let routes = [(REPLAY, 200, outcome(true, 1)), (REPLAY, 200, outcome(false, 1))];
    let stub = Stub::answering(routes).await;
    let said = stub.run(&Desk::new(), "dead-letters replay --ids dl_1,dl_2 --json --yes");
    assert_eq!((said.code, said.out), (1, format!("{}\n", outcome(false, 1))));
    assert_eq!(stub.body(REPLAY), json!({ "ids": ["dl_1", "dl_2"], "dry_run": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_discarded_by_a_preview_or_without_a_yes() {
    let stub = Stub::answering([(DISCARD, 200, outcome(true, 0))]).await;
    let desk = Desk::new();
    let words = "dead-letters discard --fingerprint f1 --reason known";
    let said = stub.run(&desk, &format!("{words} --dry-run --json"));
    assert_eq!((said.code, said.out), (0, format!("{}\n", outcome(true, 0))));
    let said = stub.run(&desk, words);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("12 letters") && said.err.contains("--yes"), "{}", said.err);
    let is_preview =
        |one: &super::Seen| one.body["dry_run"] == true && one.body["reason"] == "known";
    assert!(stub.seen().iter().all(is_preview));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_letter_matches_nobody_is_asked() {
    let stub = Stub::answering([(REPLAY, 200, json!({ "matched": 0, "dry_run": true }))]).await;
    let said = stub.run(&Desk::new(), "dead-letters replay --fingerprint f1");
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(stub.asked(), [REPLAY]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_letters_than_were_shown_are_a_conflict() {
    let moved = json!({ "code": "count_differs", "detail": "13 letters match, not 12" });
    let stub = Stub::answering([(REPLAY, 200, outcome(true, 0)), (REPLAY, 409, moved)]).await;
    let said = stub.run(&Desk::new(), "dead-letters replay --fingerprint f1 --yes");
    assert_eq!((said.code, &*said.out), (4, ""));
    assert!(said.err.contains("13 letters match"), "{}", said.err);
}
