//! What is refused before anything is sent, what the daemon refuses, and what no message may hold.

use std::{fmt::Write, fs};

use insta::assert_snapshot;
use serde_json::json;

use super::{Said, Stub};
use crate::cli::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn t30_bad_input_is_refused_before_anything_is_sent() {
    let stub = Stub::answering([]).await;
    let desk = Desk::new();
    let mut all = String::new();
    for words in [
        "backfill --days 7",
        "backfill --assets BTCUSD",
        "backfill --assets BTC!USD --days 7",
        "backfill --assets BTCUSD, --days 7",
        "backfill --assets BTCUSD --days 0",
        "backfill --assets BTCUSD --days 1.5",
        "backfill --assets BTCUSD --days 7 --timeframes 2h",
        "backfill --assets BTCUSD --days 7 --start-date 2024-01-01 --end-date 2024-02-01",
        "backfill --assets BTCUSD --start-date 2024-01-01",
        "backfill --assets BTCUSD --end-date 2024-01-01",
        "backfill --assets BTCUSD --start-date 2024-02-01 --end-date 2024-01-01",
        "backfill --assets BTCUSD --start-date 2024-02-01 --end-date 2024-02-01",
        "backfill --assets BTCUSD --start-date 2024-01-01T09:00:00 --end-date 2024-02-01",
        "backfill --assets BTCUSD --start-date 2024-02-30 --end-date 2024-03-01",
        "backfill --assets BTCUSD --days 7 --priority urgent",
        "backfill --assets BTCUSD --days 7 --every 0s",
        "backfills show ../keys",
        "backfills list --limit 1001",
        "coverage BTCUSD",
        "coverage coinbase/BTCUSD/1m --start 2024-02-01 --end 2024-01-01",
        "gaps repair --start-date 2024-02-01 --end-date 2024-01-01 --yes",
        "rewind coinbase/BTCUSD/1m --to 2024-01-01T00:00:00 --reason x --yes",
        "rewind coinbase/BTCUSD/1m --to 2024-01-01 --yes",
        "dead-letters replay --yes",
        "dead-letters replay --ids dl_1 --series coinbase/BTCUSD/1m --yes",
        "dead-letters discard --ids dl_1 --yes",
        "status --server barkeep.example --json",
        "status --server ftp://barkeep.example",
    ] {
        let said = stub.run(&desk, words);
        assert_eq!((said.code, &*said.out), (2, ""), "{words}: {}", said.err);
        let usage = said.err.split("\nUsage:").next().unwrap().trim_end();
        writeln!(all, "# {words}\n{usage}").unwrap();
    }
    assert_snapshot!("bad_input", all);
    assert!(stub.asked().is_empty(), "{:?}", stub.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_exit_code_and_names_field_and_fix() {
    let desk = Desk::new();
    let mut all = String::new();
    for (status, code) in
        [(401, 3), (403, 3), (404, 2), (409, 4), (422, 2), (429, 1), (500, 1), (503, 3)]
    {
        let problem = json!({
            "type": "about:blank", "title": "words", "status": status, "code": "some_code",
            "detail": "it is not in a state for this", "field": "state", "fix": "do something else",
            "allowed": ["pause", "cancel"], "trace_id": "more",
        });
        let stub = Stub::answering([("POST /v1/backfills/bf_1/resume", status, problem)]).await;
        for json in ["", " --json"] {
            let said = stub.run(&desk, &format!("backfills resume bf_1{json}"));
            assert_eq!((said.code, &*said.out), (code, ""), "{status}: {}", said.err);
            write!(all, "# {status}{json}\n{}", said.err).unwrap();
        }
    }
    assert_snapshot!("refusals", all);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_or_is_no_barkeep_is_named() {
    let desk = Desk::new();
    let mut command = desk.command(&["status"]);
    command.env("BARKEEP_SERVER", "http://127.0.0.1:1").env("http_proxy", "http://127.0.0.1:2");
    let said = Said::of(&command.output().unwrap());
    assert_eq!(said.code, 3);
    assert!(said.err.starts_with("error: nobody answers at http://127.0.0.1:1/"), "{}", said.err);
    assert!(said.err.contains("--server"), "{}", said.err);
    let stub = Stub::answering([("GET /v1/freshness", 200, json!("<html>"))]).await;
    let answered = stub.run(&desk, "status --json");
    assert_eq!(answered.code, 0, "JSON is passed on as it is");
}

/// Without a server that is named, it is the one that runs with these settings.
#[tokio::test(flavor = "multi_thread")]
async fn the_settings_say_where_the_daemon_is() {
    let desk = Desk::new();
    let stub = Stub::answering([("GET /v1/replicas", 200, json!({ "items": [] }))]).await;
    let mut command = desk.command(&["replicas"]);
    command.env("BARKEEP__SERVER__BIND", &stub.address);
    let said = Said::of(&command.output().unwrap());
    assert_eq!((said.code, &*said.out), (0, "there is no replica\n"), "{}", said.err);
}

const KEY: &str = "bk_0123456789abcdefsecret";

#[tokio::test(flavor = "multi_thread")]
async fn t78_a_key_is_sent_and_never_printed() {
    let desk = Desk::new();
    let echo =
        json!({ "detail": format!("the key {KEY} is unknown"), "fix": format!("not {KEY}") });
    let answer = json!({ "items": [{ "name": KEY }], "next": null });
    let stub = Stub::answering([
        ("GET /v1/replicas", 401, echo.clone()),
        ("GET /v1/replicas", 200, answer.clone()),
        ("GET /v1/replicas", 200, answer),
        ("GET /v1/replicas", 500, json!({ "detail": "" })),
    ])
    .await;
    fs::write(desk.path("key"), format!("{KEY}\n")).unwrap();
    fs::write(desk.path("torn"), format!("{KEY}\n{KEY}\n")).unwrap();
    fs::write(desk.path("none"), "\n").unwrap();
    let mut codes = Vec::new();
    for (words, variable) in [
        ("replicas --json", KEY),
        ("replicas --json", KEY),
        ("replicas --key-file key", "bk_another"),
        ("replicas --key-file key", ""),
        ("replicas --key-file torn", ""),
        ("replicas --key-file none", ""),
        ("replicas --key-file absent", ""),
        ("replicas", "bk_secret with a space"),
        ("replicas --server http://ops:secret@127.0.0.1:1", KEY),
        ("replicas --server http://127.0.0.1:1", KEY),
        ("replicas --server", KEY),
        ("replicas --help", KEY),
    ] {
        let mut command = stub.command(&desk, words);
        command.env("BARKEEP_KEY", variable).env("BARKEEP__LOG__FILTER", "trace");
        let said = Said::of(&command.output().unwrap());
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains("secret"), "{words}: {all}");
        codes.push(said.code);
    }
    assert_eq!(codes, [3, 0, 0, 1, 2, 2, 2, 2, 2, 3, 2, 0]);
    let bearers: Vec<_> =
        stub.seen().iter().map(|one| one.headers["authorization"].clone()).collect();
    assert_eq!(bearers, vec![format!("Bearer {KEY}"); 4]);
}
