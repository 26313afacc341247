//! What becomes of documents that are sent, alone, together and again.

use axum::http::Request;
use barkeep::{
    lake::{Lake, RevisedRecord},
    market::RecordKind,
    records::judge,
    telemetry::Metrics,
};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{DECISIONS, EXECUTIONS, ask, counts, decision, ingest, trade};
use crate::support::test_app::{Setup, TestApp};

fn ids(answer: &Value, name: &str) -> Vec<String> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_document_lands_once_and_a_change_of_it_is_a_revision() {
    let app = TestApp::start().await;
    let first = decision("d1", 0);
    let mut changed = first.clone();
    changed["confidence"] = json!(60);
    assert_eq!(ingest(&app, DECISIONS, &first).await, [1, 0, 0, 0]);
    assert_eq!(ingest(&app, DECISIONS, &first).await, [0, 0, 1, 0]);
    assert_eq!(ingest(&app, DECISIONS, &json!([changed, changed, first])).await, [0, 1, 2, 0]);
    let listed = app.get("/v1/decisions").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let newest = &listed["items"][0];
    assert_eq!((&newest["confidence"], &newest["revision"]), (&json!(60), &json!(1)));
    assert_eq!(newest["document"], changed);
    let rows = "select revision, confidence from bronze.raw_ai_decisions order by revision";
    let rows = ask(&app, rows).await;
    let expected = [(0, 80), (1, 60)];
    let expected = expected.map(|(n, percent)| json!({ "revision": n, "confidence": percent }));
    assert_eq!(rows, json!(expected));
    let report = app.get("/v1/verify?series=raw_ai_decisions").await.ok();
    assert_eq!((&report["rows"], &report["is_sound"]), (&json!(2), &json!(true)));
}

#[tokio::test]
async fn a_trade_is_told_in_each_of_its_states_with_every_digit() {
    let app = TestApp::start().await;
    let states = json!([trade("t1", "filled"), trade("t1", "closed"), trade("t2", "closed")]);
    assert_eq!(ingest(&app, EXECUTIONS, &states).await, [3, 0, 0, 0]);
    let closed = app.get("/v1/executions?status=closed&platform=oanda&asset=EURUSD").await.ok();
    assert_eq!(ids(&closed, "trade_id"), ["t1", "t2"]);
    let one = &closed["items"][0];
    assert_eq!((&one["quantity"], &one["realized_pnl"]), (&json!("2101"), &json!("0")));
    let mut walked = Vec::new();
    let mut path = "/v1/executions?limit=1".to_owned();
    loop {
        let page = app.get(&path).await.ok();
        for item in page["items"].as_array().unwrap() {
            walked.push(format!("{} {}", item["trade_id"], item["status"]).replace('"', ""));
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/executions?limit=1&cursor={next}");
    }
    assert_eq!(walked, ["t1 closed", "t1 filled", "t2 closed"]);
    let money = "select arrow_typeof(entry_price) as type, cast(entry_price as varchar) as price \
                 from raw_trade_executions limit 1";
    let expected = json!([{ "type": "Decimal128(38, 12)", "price": "1.191110000000" }]);
    assert_eq!(ask(&app, money).await, expected);
}

#[tokio::test]
async fn decisions_are_found_by_what_they_say_page_by_page() {
    let app = TestApp::start().await;
    let mut all: Vec<Value> = (0..5).map(|n| decision(&format!("d/{n}"), n)).collect();
    all[3]["action"] = json!("hold");
    all[4]["ai_provider"] = json!("local");
    assert_eq!(ingest(&app, DECISIONS, &json!(all)).await, [5, 0, 0, 0]);
    for (query, expected) in [
        ("asset=ETHUSD&limit=2", &["d/4", "d/3"][..]),
        ("action=HOLD", &["d/3"]),
        ("provider=local", &["d/4"]),
        ("asset=BTCUSD", &[]),
        ("start=2024-03-06T10:01:00Z&end=2024-03-06T10:03:00Z", &["d/2", "d/1"]),
    ] {
        let listed = app.get(&format!("/v1/decisions?{query}")).await.ok();
        assert_eq!(ids(&listed, "decision_id"), expected, "{query}");
    }
    let first = app.get("/v1/decisions?limit=2").await.ok();
    let path = format!("/v1/decisions?limit=3&cursor={}", first["next"].as_str().unwrap());
    let second = app.get(&path).await.ok();
    assert_eq!(ids(&second, "decision_id"), ["d/2", "d/1", "d/0"]);
    assert!(second["next"].is_null());
    let bad = app.get("/v1/decisions?cursor=1.zz").await;
    assert_eq!(bad.problem_of("a cursor of nobody", 422)["field"], "cursor");
}

#[tokio::test]
async fn a_body_that_is_refused_as_a_whole_says_why() {
    let app = TestApp::start().await;
    let send = |kind: &'static str, path: &'static str, body: &'static str| {
        app.raw(Request::post(path).header("content-type", kind), body)
    };
    for (kind, path, body, status) in [
        ("text/plain", DECISIONS, "{}", 415),
        ("application/json", DECISIONS, "{", 422),
        ("application/json", DECISIONS, "[]", 422),
        ("application/x-ndjson", DECISIONS, "\n", 422),
        ("application/json", "/v1/ingest/candles", "{}", 404),
        ("application/json", "/v1/ingest/decisions?dry_run=true", "{}", 422),
    ] {
        let problem = send(kind, path, body).await.problem_of(&format!("{path} {body}"), status);
        assert!(problem["fix"].is_string(), "{problem}");
    }
    let large = format!("[{}]", " ".repeat(app.app.config.server.max_body));
    let request = Request::post(DECISIONS).header("content-type", "application/json");
    let request = request.header("content-length", large.len());
    app.raw(request, &large).await.problem_of("a large body", 413);
    let lines = format!("{}\n{{broken\n{}\n", decision("d1", 0), decision("d2", 1));
    let request = Request::post(DECISIONS).header("content-type", "application/x-ndjson");
    let answer = app.raw(request, &lines).await.ok();
    assert_eq!(counts(&answer), [2, 0, 0, 1]);
    let refusal = &answer["refusals"][0];
    assert_eq!((&refusal["index"], &refusal["expectation"]), (&json!(1), &json!("readable")));
}

/// What arrives during a commit forms the next one.
#[tokio::test]
async fn many_at_once_share_their_commits() {
    const POSTS: u32 = 200;
    let app = TestApp::start().await;
    let table = app.app.lake.records(RecordKind::Decision).clone();
    let before = table.version();
    let bodies: Vec<Value> = (0..POSTS).map(|n| decision(&format!("d{n}"), n % 60)).collect();
    let posts = bodies.iter().map(|body| ingest(&app, DECISIONS, body));
    for answer in join_all(posts).await {
        assert_eq!(answer, [1, 0, 0, 0]);
    }
    let commits = table.version() - before;
    println!("{POSTS} posts, {commits} commits");
    assert!(commits <= 20, "{commits} commits");
    assert_eq!(table.doubled().await.unwrap(), (i64::from(POSTS), Vec::new()));
    let metrics = app.get("/metrics").await;
    let counted = "barkeep_records_total{outcome=\"landed\",table=\"raw_ai_decisions\"} 200";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

/// Another replica may have landed the same since this one last looked.
#[tokio::test]
async fn what_somebody_else_has_landed_meanwhile_is_not_doubled() {
    let app = TestApp::start().await;
    let other = Lake::open(&app.app.config.lake, &Metrics::new().unwrap()).await.unwrap();
    let theirs = other.records(RecordKind::Decision);
    for round in 0..3 {
        let both = decision(&format!("both{round}"), round);
        let received_at = app.now();
        let judged = judge(RecordKind::Decision, both.to_string().as_bytes(), received_at).unwrap();
        let row = RevisedRecord {
            record: judged.record,
            raw: both.to_string(),
            revision: 0,
            extracted_at: received_at,
            source: "another replica".to_owned(),
        };
        theirs.look().await.unwrap();
        theirs.acknowledge(theirs.version()).await;
        theirs.append(&[row], uuid::Uuid::now_v7()).await.unwrap();
        let own = decision(&format!("own{round}"), round);
        assert_eq!(ingest(&app, DECISIONS, &json!([both, own])).await, [1, 0, 1, 0]);
    }
    let table = app.app.lake.records(RecordKind::Decision);
    assert_eq!(table.doubled().await.unwrap(), (6, Vec::new()));
}

#[tokio::test]
async fn small_files_of_trades_are_merged_without_losing_a_digit() {
    let setup = Setup { settings: &[("LAKE__COMPACT_AFTER", "2")], ..Setup::default() };
    let app = TestApp::with(setup).await;
    let table = app.app.lake.records(RecordKind::Execution);
    table.hold_up_compaction(true);
    for n in 0..6 {
        let mut one = trade(&format!("t{n}"), "closed");
        one["fees"] = json!(format!("0.{n}00000000001"));
        assert_eq!(ingest(&app, EXECUTIONS, &one).await, [1, 0, 0, 0]);
    }
    let told = "select count(*) as trades, cast(sum(fees) as varchar) as fees, \
                count(order_type) as types from raw_trade_executions";
    let expected = json!([{ "trades": 6, "fees": "1.500000000006", "types": 0 }]);
    assert_eq!(ask(&app, told).await, expected);
    let compacted = table.compact().await.unwrap().unwrap();
    assert_eq!(compacted.files_before, 6);
    assert_eq!(ask(&app, told).await, expected);
    assert_eq!(ingest(&app, EXECUTIONS, &trade("t7", "closed")).await, [1, 0, 0, 0]);
    assert_eq!(table.doubled().await.unwrap(), (7, Vec::new()));
}
