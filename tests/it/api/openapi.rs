//! What the API says of itself, and whether it is true.

mod conform;

use std::collections::BTreeSet;

use axum::http::Request;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use self::conform::faults;
use crate::support::test_app::{Setup, TestApp};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn document() -> Value {
    json!(barkeep::api::document())
}

/// Every operation with its method and its path.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&'_ String, &'_ Value)| {
        let item = item.as_object().unwrap();
        let methods = METHODS.iter().filter(|name| item.contains_key(**name));
        methods.map(|method| (*method, path.clone())).collect::<Vec<_>>()
    };
    let named = paths.iter().flat_map(of_path);
    named
        .map(|(method, path)| {
            let (path, item) = paths.get_key_value(&path).unwrap();
            (method, path.as_str(), &item[method])
        })
        .collect()
}

/// Those that only read.
fn reads(document: &Value) -> Vec<(&str, &Value)> {
    let reads = operations(document).into_iter().filter(|(method, ..)| *method == "get");
    reads.map(|(_, path, operation)| (path, operation)).collect()
}

/// The path of something that is there, or at least could be.
fn named(path: &str, ids: &[(&str, &str)]) -> String {
    let path = ids.iter().fold(path.to_owned(), |path, (place, id)| path.replace(place, id));
    let series = [("{provider}", "coinbase"), ("{asset}", "BTCUSD"), ("{timeframe}", "1m")];
    let path = series.iter().fold(path, |path, (place, name)| path.replace(place, name));
    let path = path.replace("tables/{name}", "tables/raw_market_data_1m");
    let path = path.replace("models/{name}", "models/silver.market_data");
    let path = path.replace("lineage/{name}", "lineage/silver.market_data");
    let path = path.replace("{table}", "decisions");
    path.replace("{name}", "poll-1m").replace("{id}", "dl_0")
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn is_told(of: &Value, name: &str) -> bool {
    of[name].as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Whoever changes an answer sees here what callers will notice.
#[tokio::test]
async fn the_document_is_the_reviewed_one() {
    assert_json_snapshot!(document(), { ".info.version" => "[the version of the package]" });
    let app = TestApp::start().await;
    let served = app.get("/openapi.json").await.ok();
    assert_eq!(served, document());
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(served["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// axum lists its routes to nobody but a debugger, so it is read like one.
#[tokio::test]
async fn every_route_is_in_the_document_and_the_other_way_round() {
    let app = TestApp::start().await;
    let shown = format!("{:?}", barkeep::api::service(app.app.clone()));
    // The fallback is shown as a root and as whatever is below it.
    let is_path = |text: &&str| text.starts_with('/') && *text != "/" && !text.contains("{*");
    let routed: BTreeSet<&str> = shown.split('"').filter(is_path).collect();
    let document = document();
    let documented: BTreeSet<&str> =
        operations(&document).into_iter().map(|(_, path, _)| path).collect();
    assert!(routed.len() > 10, "the routes are not where they are looked for: {shown}");
    assert_eq!(routed, documented);
}

#[test]
fn every_operation_parameter_and_answer_is_described_and_has_an_example() {
    let document = document();
    let tags: Vec<&Value> = list(&document, "tags").iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(["get", "post", "put", "delete"].contains(&method), "{method} {path}");
        assert!(is_told(operation, "summary"), "{path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}: its id is taken");
        assert_eq!(list(operation, "tags").len(), 1, "{path}");
        assert!(tags.contains(&&operation["tags"][0]), "{path}");
        let asks_with_a_body = ["post", "put"].contains(&method);
        assert_eq!(operation["requestBody"].is_object(), asks_with_a_body, "{method} {path}");
        for parameter in list(operation, "parameters") {
            let asked = format!("{path} {}", parameter["name"]);
            assert!(is_told(parameter, "description"), "{asked}");
            let schema = resolved(&document, &parameter["schema"]);
            assert!(!schema["type"].is_null(), "{asked} has no type");
            let is_word = schema["type"] == "boolean" || schema["enum"].is_array();
            let is_number = schema["type"] != "string" && schema["minimum"].is_number();
            let has_example =
                is_number || parameter["example"].is_string() || schema["examples"].is_array();
            assert!(is_word || has_example, "{asked} has no example");
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(is_told(answer, "description"), "{path} {status}");
            // Some answers have nothing to say.
            let Some(content) = answer["content"].as_object() else {
                assert!(["204", "304"].contains(&status.as_str()), "{path} {status}");
                continue;
            };
            assert!(content.len() == 1 || status == "200", "{path} {status}");
            for (kind, body) in content {
                if kind.starts_with("application/vnd.apache") {
                    // Bytes that nobody reads.
                    continue;
                }
                let is_refusal = !status.starts_with('2');
                assert_eq!(kind == "application/problem+json", is_refusal, "{path} {status}");
                assert!(!body["schema"].is_null(), "{path} {status} has no schema");
                let own = &resolved(&document, &body["schema"])["example"];
                let example = if body["example"].is_null() { own } else { &body["example"] };
                assert!(!example.is_null(), "{path} {status} has no example");
                let found = faults(&document, &body["schema"], example);
                assert!(found.is_empty(), "{path} {status}, example: {found:#?}");
            }
        }
    }
}

/// What a reference stands for.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// A price needs no words, most things do.
#[test]
fn every_member_of_an_answer_is_described() {
    const PLAIN: [&str; 22] = [
        "open",
        "high",
        "low",
        "close",
        "open_time",
        "state",
        "message",
        "since",
        "last_seen_at",
        "times_seen",
        "found_at",
        "title",
        "url",
        "topics",
        "market_open",
        "start",
        "end",
        "items",
        "created_at",
        "started_at",
        "ended_at",
        "changed_at",
    ];
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let alternatives = [std::slice::from_ref(schema), list(schema, "oneOf")].concat();
        for (member, schema) in
            alternatives.iter().filter_map(|one| one["properties"].as_object()).flatten()
        {
            // What may be null is described beside the null.
            let said = if schema["oneOf"].is_array() { &schema["oneOf"][0] } else { schema };
            let is_plain = PLAIN.contains(&member.as_str()) || said["$ref"].is_string();
            assert!(is_plain || is_told(said, "description"), "{name}.{member}");
        }
    }
}

/// A parameter that is in the document is known to the route, and one that is not is refused.
#[tokio::test]
async fn routes_take_the_parameters_of_the_document_and_no_others() {
    const NO_NAMES: [&str; 6] = ["or", "one", "several", "separated", "by", "commas"];
    let app = TestApp::start().await;
    let document = document();
    for (method, path, operation) in operations(&document) {
        if operation["responses"]["422"].is_null() {
            continue;
        }
        let in_query = |parameter: &&Value| parameter["in"] == "query";
        let parameters = list(operation, "parameters").iter().filter(in_query);
        let mut documented: BTreeSet<&str> =
            parameters.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let series = if documented.contains("series") { "&series=coinbase/BTCUSD/1m" } else { "" };
        let asked = format!("{path}?nonsense=1{series}");
        let request = Request::builder().method(&*method.to_uppercase()).uri(named(&asked, &[]));
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let body = if example.is_null() { &json!({}) } else { example };
        let problem = app.command(request, body).await.problem_of(&asked, 422);
        assert_eq!(problem["field"], "nonsense", "{asked}");
        let fix = problem["fix"].as_str().unwrap();
        let (_, names) = fix.split_once("the parameters are: ").unwrap_or_default();
        let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let known = names.split(is_end).filter(|name| !name.is_empty() && !NO_NAMES.contains(name));
        for name in known {
            assert!(documented.remove(name), "{path} takes {name} and does not say so");
        }
        assert!(documented.is_empty(), "{path} does not take {documented:?}");
    }
}

/// Minutes with refused rows and hours that fail, so that there is something of most kinds.
#[tokio::test]
async fn answers_keep_to_the_document() {
    let settings = &[("PROVIDERS__COINBASE__RETRIES", "0")];
    let setup = Setup { timeframes: "1m,1h,4h", settings, ..Setup::default() };
    let app = TestApp::with(setup).await;
    app.set_faults(&["bad_row=0.5"]);
    app.round().await;
    app.set_faults(&["server_error=1"]);
    app.poll("coinbase/BTCUSD/1h").await.unwrap_err();
    let letters = app.get("/v1/dead-letters").await.ok();
    let letter = letters["items"][0]["id"].as_str().expect("a refused row");
    let spec = json!({ "assets": ["BTCUSD"], "timeframes": ["1h"], "days": 30 });
    let asked_for = app.post("/v1/backfills", &spec).await.json;
    let ids = [
        ("/dead-letters/{id}", &*format!("/dead-letters/{letter}")),
        ("{id}", asked_for["backfill_id"].as_str().unwrap()),
    ];
    let document = document();
    for (path, operation) in reads(&document) {
        if path.ends_with("/events") {
            // It does not end while there is something to tell.
            continue;
        }
        let names_series =
            list(operation, "parameters").iter().any(|parameter| parameter["name"] == "series");
        let query = if names_series { "?series=coinbase/BTCUSD/1m" } else { "" };
        for asked in [format!("{path}{query}"), format!("{path}?series=coinbase/SOLUSD/1m")] {
            let answer = app.send(Request::get(named(&asked, &ids))).await;
            let said = &operation["responses"][answer.status.as_str()]["content"];
            let kind = answer.header("content-type").split(';').next().unwrap();
            assert!(said[kind].is_object(), "{asked}: {} {kind}", answer.status);
            if kind.ends_with("json") {
                let found = faults(&document, &said[kind]["schema"], &answer.json);
                assert!(found.is_empty(), "{asked}: {found:#?}\n{:#}", answer.json);
            }
        }
    }
}

/// Whoever reads a page offline gets all of it, and it asks nobody else.
#[tokio::test]
async fn the_pages_need_nothing_but_this_server() {
    let app = TestApp::start().await;
    for (path, asked) in
        [("/docs", "fetch(\"/openapi.json\")"), ("/docs/models", "asked(\"/v1/models\")")]
    {
        let page = app.get(path).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"));
        let text = page.text();
        for elsewhere in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
        }
        assert!(text.contains(asked) && text.len() < 40_000, "{path}");
    }
}
