//! What is changed over HTTP: each command sends what it should, and asks first where it should.

use serde_json::{Value, json};

use super::{Stub, backfill};
use crate::cli::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_steered() {
    let desk = Desk::new();
    for (word, action) in
        [("pause", "pause"), ("resume", "resume"), ("cancel", "cancel"), ("retry", "retry-failed")]
    {
        let route = format!("POST /v1/backfills/bf_1/{action}");
        let stub = Stub::answering([(&*route, 200, backfill("paused", 1, 0))]).await;
        let said = stub.run(&desk, &format!("backfills {word} bf_1 --reason audit"));
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.contains("bf_1") && said.out.contains("paused"), "{}", said.out);
        assert_eq!(stub.body(&route), json!({ "reason": "audit" }));
        assert_eq!(stub.run(&desk, &format!("backfills {word} bf_1 --json")).code, 0);
        assert_eq!(stub.body(&route), json!({}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_are_repaired_once_even_if_the_answer_is_lost() {
    let repair = "POST /v1/gaps/repair";
    let stub = Stub::answering([
        (repair, super::LOST, Value::Null),
        (repair, 202, backfill("queued", 0, 0)),
        ("GET /v1/backfills/bf_1", 200, backfill("completed", 4, 0)),
    ])
    .await;
    let desk = Desk::new();
    let words = "gaps repair --series coinbase/BTCUSD/1m --assets BTCUSD --timeframes 1m \
                 --start-date 2024-01-01 --end-date 2024-01-02 --every 1ms";
    assert_eq!(stub.run(&desk, words).code, 2, "nobody said yes");
    assert!(stub.asked().is_empty());
    let said = stub.run(&desk, &format!("{words} --yes"));
    assert_eq!(said.code, 0, "{}", said.err);
    let keys: Vec<_> =
        stub.seen()[..2].iter().map(|one| one.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(
        stub.body(repair),
        json!({
            "series": ["coinbase/BTCUSD/1m"], "assets": ["BTCUSD"], "timeframes": ["1m"],
            "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z",
        })
    );
    assert_eq!(stub.run(&desk, "gaps repair --yes --no-wait").code, 0);
    assert_eq!(stub.body(repair), json!({}), "every gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_is_rewound_when_somebody_says_yes() {
    let route = "POST /v1/series/coinbase/BTCUSD/1m/rewind";
    let stub = Stub::answering([(route, 200, json!({ "series": "coinbase/BTCUSD/1m" }))]).await;
    let desk = Desk::new();
    let words = "rewind coinbase/BTCUSD/1m --to 2024-01-01 --reason revised";
    let said = stub.run(&desk, words);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--yes"), "{}", said.err);
    assert!(stub.asked().is_empty());
    assert_eq!(stub.run(&desk, &format!("{words} --yes")).code, 0);
    assert_eq!(stub.body(route), json!({ "to": "2024-01-01T00:00:00Z", "reason": "revised" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_may_be_named_as_it_is_shown() {
    let desk = Desk::new();
    for action in ["pause", "resume", "trigger"] {
        let route = format!("POST /v1/schedules/poll-1m/{action}");
        let stub = Stub::answering([(&*route, 200, json!({ "name": "poll/1m" }))]).await;
        let said = stub.run(&desk, &format!("schedules {action} poll/1m --reason audit"));
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(stub.body(&route), json!({ "reason": "audit" }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_keeps_what_is_not_named() {
    let desk = Desk::new();
    let kept = json!({
        "asset": "BTCUSD", "timeframes": ["1m", "1h"], "providers": ["coinbase"], "enabled": true,
        "changed_by": "ops", "origin": "settings",
    });
    let put = "PUT /v1/assets/BTCUSD";
    let stub = Stub::answering([
        ("GET /v1/assets", 200, json!({ "items": [kept] })),
        (put, 200, kept.clone()),
        ("PUT /v1/assets/IBM", 201, kept.clone()),
        ("DELETE /v1/assets/BTCUSD", 204, Value::Null),
    ])
    .await;
    let run = |words: &str| stub.run(&desk, words);
    assert_eq!(run("assets disable btc-usd --reason delisted").code, 0);
    let disabled = json!({
        "timeframes": ["1m", "1h"], "providers": ["coinbase"], "enabled": false,
        "reason": "delisted",
    });
    assert_eq!(stub.body(put), disabled);
    assert_eq!(run("assets set BTCUSD --timeframes 1d").code, 0);
    let set = json!({ "timeframes": ["1d"], "providers": ["coinbase"], "enabled": true });
    assert_eq!(stub.body(put), set);
    assert_eq!(run("assets add BTCUSD").code, 4, "it is kept already");
    assert_eq!(run("assets add IBM --timeframes 1d --providers alpha_vantage").code, 0);
    let added = json!({ "timeframes": ["1d"], "providers": ["alpha_vantage"], "enabled": true });
    assert_eq!(stub.body("PUT /v1/assets/IBM"), added);
    assert_eq!(run("assets enable ETHUSD").code, 2, "it is not kept");
    assert_eq!(run("assets remove BTCUSD").code, 2, "nobody said yes");
    let removed = run("assets remove BTCUSD --reason delisted --yes");
    assert_eq!((removed.code, &*removed.out), (0, "BTCUSD is no longer kept\n"));
    assert_eq!(stub.asked().last().unwrap(), "DELETE /v1/assets/BTCUSD?reason=delisted");
}
