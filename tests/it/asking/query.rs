//! `barkeep query`: a table for people, the API's own words for programs, whole files or none.

use serde_json::{Value, json};

use super::{LOST, Stub};
use crate::cli::Desk;

const SQL: &str = "POST /v1/sql";

fn answer() -> Value {
    json!({
        "columns": [
            { "name": "asset_pair", "type": "Utf8" }, { "name": "n", "type": "Int64" },
        ],
        "rows": [{ "asset_pair": "BTCUSD", "n": 1_440 }, { "asset_pair": "\u{1b}[31mX", "n": null }],
        "row_count": 2,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_sent_as_it_is_meant_and_its_answer_shown() {
    let stub = Stub::answering([(SQL, 200, answer())]).await;
    let desk = Desk::new();
    let said = stub.run(&desk, "query select");
    assert_eq!(said.out, "asset_pair     n\nBTCUSD      1440\n [31mX         –\n", "{}", said.err);
    assert_eq!(stub.body(SQL), json!({ "query": "select" }));
    let words =
        "query select --as-of 2024-03-06 --table-version raw_market_data_1m=12,b.c=0 --json";
    let said = stub.run(&desk, words);
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap(), answer());
    let asked = "POST /v1/sql?format=json";
    let expected = json!({
        "query": "select", "as_of": "2024-03-06T00:00:00Z",
        "table_versions": { "raw_market_data_1m": 12, "b.c": 0 },
    });
    assert_eq!(stub.body(asked), expected);
    for bad in ["--table-version x", "--table-version =1", "--table-version a=b", "--format xls"] {
        assert_eq!(stub.run(&desk, &format!("query select {bad}")).code, 2, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_whole_or_it_is_not_there() {
    let stub = Stub::answering([(SQL, 200, answer()), (SQL, LOST, Value::Null)]).await;
    let desk = Desk::new();
    let said = stub.run(&desk, "query select -o out");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--format") && said.err.contains("parquet"), "{}", said.err);
    assert!(stub.asked().is_empty());
    let said = stub.run(&desk, "query select --output out.ndjson");
    assert_eq!((said.code, &*said.out), (0, ""), "{}", said.err);
    assert_eq!(stub.asked(), ["POST /v1/sql?format=ndjson"]);
    assert_eq!(std::fs::read_to_string(desk.path("out.ndjson")).unwrap(), answer().to_string());
    let said = stub.run(&desk, "query select --output lost.csv");
    assert_ne!(said.code, 0);
    assert!(!desk.path("lost.csv").exists() && !desk.path("lost.csv.partial").exists());
    let said = stub.run(&desk, "query select --output no/where.csv");
    assert!(said.err.contains("no/where.csv"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_with_the_fix() {
    let problem = json!({
        "status": 422, "code": "invalid_field", "field": "query", "detail": "table 'x' not found",
        "fix": "`show tables` lists them",
    });
    let stub = Stub::answering([(SQL, 422, problem)]).await;
    for form in ["", " --format csv", " --output x.csv"] {
        let said = stub.run(&Desk::new(), &format!("query select{form}"));
        assert_eq!(said.code, 2);
        assert!(said.err.contains("query: table 'x' not found"), "{}", said.err);
        assert!(said.err.contains("show tables"), "{}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_told_and_is_a_failure() {
    let report = |is_sound: bool| {
        let example = json!({ "series": "coinbase/BTCUSD/1m", "start": "2024-03-06T08:49:00Z",
            "detail": "revision 0 is there 2 times" });
        let examples = if is_sound { json!([]) } else { json!([example]) };
        json!({ "series": 2, "rows": 1_000, "is_sound": is_sound, "invariants": [{
            "name": "rows_are_there_once", "says": "…", "violations": i64::from(!is_sound),
            "examples": examples,
        }] })
    };
    let verify = "GET /v1/verify";
    let stub = Stub::answering([(verify, 200, report(true)), (verify, 200, report(false))]).await;
    let desk = Desk::new();
    let said = stub.run(&desk, "verify");
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("rows_are_there_once") && said.out.contains("2 times"),
        "{}",
        said.out
    );
    assert!(said.out.contains("not everything holds: 16 series with 8000 rows"), "{}", said.out);
    assert_eq!(stub.asked().len(), 8, "a table at a time");
    let stub = Stub::answering([(verify, 200, report(true))]).await;
    let said = stub.run(&desk, "verify coinbase/BTCUSD/1m");
    assert_eq!((said.code, &*said.out), (0, "everything holds: 2 series with 1000 rows\n"));
    let said = stub.run(&desk, "verify coinbase/BTCUSD/1m --json");
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap()["is_sound"], true);
}
