//! What only asks: each command's question, its table, and the API's JSON as it is.

use std::fmt::Write;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Stub, backfill};
use crate::cli::Desk;

const SERIES: &str = "coinbase/BTCUSD/1m";

fn page(item: &Value) -> Value {
    json!({ "items": [item], "next": "more" })
}

/// Command, what it asks, and what it is answered.
fn questions() -> Vec<(&'static str, &'static str, Value)> {
    let chunk = json!({
        "chunk_id": "ch_1", "backfill_id": "bf_1", "series": SERIES,
        "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z", "state": "running",
        "attempts": 1, "error": null, "not_before": null, "replica": "a",
    });
    let letter = json!({
        "id": "dl_1", "series": SERIES, "open_time": "2024-03-06T08:49:00Z", "state": "open",
        "expectation": "high_not_below_low", "detail": "high 1 is below\u{1b}[31m low 2",
        "source": "GET /candles", "extracted_at": "2024-03-06T12:00:30Z", "fingerprint": "f1",
        "last_seen_at": "2024-03-06T12:00:30Z", "times_seen": 1, "raw": "[1,2]",
    });
    vec![
        (
            "backfills list --state active --asset BTC-USD",
            "/v1/backfills?state=active&asset=BTCUSD&limit=100",
            page(&backfill("running", 1, 0)),
        ),
        ("backfills show bf_1", "/v1/backfills/bf_1", backfill("completed", 4, 0)),
        (
            "backfills chunks bf_1 --failed --limit 5 --cursor c",
            "/v1/backfills/bf_1/chunks?state=failed&limit=5&cursor=c",
            page(&chunk),
        ),
        ("jobs --state running", "/v1/jobs?state=running&limit=100", page(&chunk)),
        (
            "watermarks --asset BTCUSD",
            "/v1/watermarks?asset=BTCUSD",
            json!({ "items": [{ "series": SERIES, "watermark": "2024-03-06T12:00:00Z",
                "origin": "2024-02-06T12:00:00Z", "landings": 1_234 }] }),
        ),
        (
            "gaps --timeframe 1m --reason no_answer",
            "/v1/gaps?timeframe=1m&reason=no_answer&limit=100",
            page(&json!({ "series": SERIES, "start": "2024-01-01T00:00:00Z",
                "end": "2024-01-02T00:00:00Z", "candles": 1_440, "reason": "no_answer",
                "since": null, "next_question_at": "2024-03-06T12:00:00Z" })),
        ),
        ("gaps list --limit 1", "/v1/gaps?limit=1", json!({ "items": [], "next": null })),
        (
            "coverage coinbase/BTCUSD/1m --start 2024-01-01 --resolution candle",
            "/v1/series/coinbase/BTCUSD/1m/coverage?start=2024-01-01T00%3A00%3A00Z&resolution=candle",
            json!({ "series": SERIES, "candles": { "final": 1_439, "missing": 1, "pending": 0 },
                "runs": [{ "start": "2024-01-01T00:00:00Z", "end": "2024-01-01T23:59:00Z",
                    "state": "final", "candles": 1_439 }] }),
        ),
        (
            "coverage coinbase/BTCUSD/1m --resolution day",
            "/v1/series/coinbase/BTCUSD/1m/coverage?resolution=day",
            json!({ "series": SERIES, "days": [{ "date": "2024-01-01", "condition": "available",
                "candles": { "final": 1_439, "no_trade": 1, "missing": 0 }, "findings": 0 }] }),
        ),
        (
            "explain coinbase/BTCUSD/1m",
            "/v1/series/coinbase/BTCUSD/1m/explain",
            json!({ "series": SERIES, "verdict": "stale", "as_of": "2024-03-06T12:00:30Z",
                "causes": [{ "code": "circuit_open", "text": "coinbase is not asked",
                    "since": "2024-03-06T11:00:00Z", "until": null, "see": "/v1/providers" }] }),
        ),
        (
            "dead-letters list --series coinbase/BTCUSD/1m --state open",
            "/v1/dead-letters?series=coinbase%2FBTCUSD%2F1m&state=open&limit=100",
            page(&letter),
        ),
        (
            "dead-letters groups --state open",
            "/v1/dead-letters/groups?state=open&limit=100",
            json!({ "items": [{ "fingerprint": "f1", "provider": "coinbase",
                "expectation": "high_not_below_low", "pattern": "high # is below low #",
                "open": 12, "replayed": 0, "discarded": 3 }], "next": null }),
        ),
        ("dead-letters show dl_1", "/v1/dead-letters/dl_1", letter),
    ]
}

/// The same of what is decided and who decides.
fn more_questions() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "quality",
            "/v1/quality",
            json!({
                "passed": { "good": 1_439, "refused": 1, "share": 0.9993, "target": 0.99, "is_met": true },
                "expectations": [{ "name": "finite", "scope": "candle", "severity": "refuse",
                    "about": null, "thresholds": null, "open_letters": 1 }],
                "tests": [{ "table": "silver.market_data", "test": "positive", "severity": "refuse",
                    "check": "low > 0", "failures": 0, "example": null,
                    "tested_at": "2024-03-06T12:00:35Z" }],
            }),
        ),
        (
            "schedules list",
            "/v1/schedules",
            json!({ "items": [{ "name": "poll-1m", "every": "1m", "paused": true, "paused_by": "ops",
                "paused_since": "2024-03-06T11:00:00Z", "reason": "month end",
                "last_tick_at": "2024-03-06T10:59:00Z", "next_tick_at": null }] }),
        ),
        (
            "assets list",
            "/v1/assets",
            json!({ "items": [{ "asset": "BTCUSD", "enabled": true, "timeframes": ["1m", "1h"],
                "providers": [] }] }),
        ),
        (
            "tables list",
            "/v1/tables",
            json!({ "items": [{ "name": "raw_market_data_1m", "path": "data/lake", "version": 20_163,
                "oldest_version": 10_079, "files": 27, "bytes": 14_680_064, "rows": null,
                "maintenance": { "at": "2024-03-06T00:00:04.25Z", "replica": "a", "seconds": 3.8,
                    "files_removed": 1_437, "bytes_removed": 6_029_312, "entries_removed": 1_440 } }] }),
        ),
        (
            "tables history raw_market_data_1m --limit 2 --cursor v.20164",
            "/v1/tables/raw_market_data_1m/history?limit=2&cursor=v.20164",
            page(&json!({ "version": 20_163, "at": "2024-03-06T12:00:30Z", "operation": "WRITE",
                "files_added": 1, "files_removed": 0, "rows": 2,
                "landings": [{ "series": SERIES, "landing": 9_841 }] })),
        ),
        (
            "replicas",
            "/v1/replicas",
            json!({ "items": [{ "name": "a", "alive": true, "address": "10.0.0.1:8380",
                "version": "0.1.0", "started_at": "2024-03-06T11:00:00Z",
                "seen_at": "2024-03-06T12:00:00Z",
                "duties": [{ "name": "scheduler", "token": 3 }, { "name": "compactor", "token": 4 }] }] }),
        ),
        (
            "audit --actor ops --command backfill.create --target bf_1",
            "/v1/audit?actor=ops&command=backfill.create&target=bf_1&limit=100",
            page(&json!({ "at": "2024-03-06T12:00:00Z", "actor": "ops",
                "command": "backfill.create", "target": "bf_1", "detail": { "reason": "x" } })),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_has_its_table_and_the_apis_json_as_it_is() {
    let desk = Desk::new();
    let mut all = String::new();
    for (words, uri, answer) in questions().into_iter().chain(more_questions()) {
        let route = format!("GET {}", uri.split('?').next().unwrap());
        let stub = Stub::answering([(&*route, 200, answer.clone())]).await;
        let said = stub.run(&desk, words);
        assert_eq!((said.code, &*said.err), (0, ""), "{words}");
        assert!(!said.out.contains('\u{1b}'), "no colour and no steering: {words}");
        write!(all, "# {words}\n{}\n", said.out).unwrap();
        let as_json = stub.run(&desk, &format!("{words} --json"));
        assert_eq!((as_json.code, as_json.out), (0, format!("{answer}\n")), "{words}");
        assert_eq!(as_json.err, "", "{words}");
        assert_eq!(stub.asked(), [format!("GET {uri}"), format!("GET {uri}")]);
    }
    assert_snapshot!("questions", all);
}

fn freshness() -> Value {
    let item = |series: &str, verdict: &str, overdue: i64| {
        json!({
            "series": series, "verdict": verdict, "last_candle": "2024-03-06T11:59:00Z",
            "lag_candles": overdue / 60, "overdue_seconds": overdue,
            "watermark": "2024-03-06T11:00:00Z",
        })
    };
    json!({
        "as_of": "2024-03-06T12:00:30Z",
        "items": [item(SERIES, "fresh", 0), item("oanda/EURUSD/1m", "stale", 3_720)],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_trouble_and_fails_only_if_it_is_to_be_strict() {
    let series = json!({ "items": [
        { "series": SERIES },
        { "series": "oanda/EURUSD/1m", "trouble": { "outcome": "throttled", "message": "429 too often" } },
    ] });
    let stub =
        Stub::answering([("GET /v1/freshness", 200, freshness()), ("GET /v1/series", 200, series)])
            .await;
    let desk = Desk::new();
    assert_snapshot!("status", stub.run(&desk, "status").whole());
    assert_eq!(stub.run(&desk, "status --strict").code, 1);
    let said = stub.run(&desk, "status --strict --json --on-duty --asset EURUSD");
    assert_eq!((said.code, said.out), (1, format!("{}\n", freshness())));
    assert_eq!(stub.asked().last().unwrap(), "GET /v1/freshness?asset=EURUSD&on_duty=true");
    let mut fresh = freshness();
    fresh["items"].as_array_mut().unwrap().pop();
    let stub = Stub::answering([("GET /v1/freshness", 200, fresh)]).await;
    assert_eq!(stub.run(&desk, "status --strict --json").code, 0);
}

/// Like `barkeep audit | head -1`.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_reading_has_had_enough() {
    let item = json!({ "at": "2024-03-06T12:00:00Z", "detail": "x".repeat(100_000) });
    let answer = json!({ "items": vec![item; 100], "next": null });
    let stub = Stub::answering([("GET /v1/audit", 200, answer)]).await;
    let desk = Desk::new();
    let mut command = stub.command(&desk, "audit");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
}

#[test]
fn completions_know_the_commands_of_every_shell() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = desk.run(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        for word in ["backfill", "dead-letters", "replay", "start-date", "watermarks"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    assert_eq!(desk.run(&["completions", "tcsh"]).status.code(), Some(2));
}
