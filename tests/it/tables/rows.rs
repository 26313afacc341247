//! Rows for such a table: every form and every mode, new columns, bad rows, and requests that come twice.

use axum::http::{Request, StatusCode};
use barkeep::market::Scope;
use serde_json::{Value, json};

use super::{PRICES, prices, put, row, select, with_prices, write};
use crate::{
    access,
    support::test_app::{Answer, Setup, TestApp, seconds},
};

const COUNT: &str = "select count(*) as n from user.prices";

async fn send(app: &TestApp, query: &str, kind: &str, body: &str) -> Answer {
    let request = Request::post(format!("{PRICES}/rows?{query}")).header("content-type", kind);
    app.raw(request, body).await
}

fn numbers(answer: &Value) -> [u64; 5] {
    ["inserted", "updated", "unchanged", "removed", "files_replaced"]
        .map(|name| answer[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_merge_says_what_it_has_done() {
    let app = with_prices(&[]).await;
    let first = write(&app, "merge", &json!([row("BTC", 1, 1.0), row("ETH", 1, 2.0)])).await.ok();
    assert_eq!(numbers(&first), [2, 0, 0, 0, 0]);
    let rows = json!([row("BTC", 1, 1.5), row("ETH", 1, 2.0), row("SOL", 1, 3.0)]);
    let next = write(&app, "merge", &rows).await.ok();
    assert_eq!(numbers(&next), [1, 1, 1, 0, 1]);
    assert_eq!(next["version"].as_u64(), first["version"].as_u64().map(|version| version + 1));
    let again = write(&app, "merge", &rows).await.ok();
    assert_eq!((numbers(&again), &again["version"]), ([0, 0, 3, 0, 0], &next["version"]));
    let twice = json!([row("BTC", 1, 1.0), row("BTC", 1, 2.0)]);
    let problem = write(&app, "merge", &twice).await.problem_of("twice", 422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the key BTC, 2024-05-01T00:00:00Z is there twice"), "{detail}");
    let mut nowhere = row("BTC", 1, 1.0);
    nowhere["month"] = json!("");
    let problem = write(&app, "merge", &json!([nowhere])).await.problem_of("nowhere", 422);
    assert!(problem["detail"].as_str().unwrap().contains("month is empty"), "{problem}");
    let problem = write(&app, "append", &rows).await.problem_of("append", 422);
    assert!(problem["detail"].as_str().unwrap().contains("merged instead"), "{problem}");
}

#[tokio::test]
async fn partitions_and_the_whole_are_overwritten() {
    let app = with_prices(&[("key", json!([]))]).await;
    let mut april = row("BTC", 1, 1.0);
    april["month"] = json!("2024-04");
    write(&app, "append", &json!([april, row("BTC", 1, 1.0), row("BTC", 2, 1.0)])).await.ok();
    let done = write(&app, "overwrite_partitions", &json!([row("ETH", 1, 2.0)])).await.ok();
    assert_eq!(numbers(&done), [1, 0, 0, 2, 1]);
    let assets = select(&app, "select asset from user.prices order by month").await;
    assert_eq!(assets, [json!({ "asset": "BTC" }), json!({ "asset": "ETH" })]);
    let done = write(&app, "overwrite", &json!([row("SOL", 1, 2.0)])).await.ok();
    assert_eq!(numbers(&done), [1, 0, 0, 2, 2]);
    assert_eq!(select(&app, COUNT).await[0]["n"], 1);
}

#[tokio::test]
async fn rows_come_in_every_form_and_what_is_selected_can_be_written_back() {
    let app = with_prices(&[]).await;
    let csv = "at,asset,month,price,size\n2024-05-01T00:00:00Z,BTC,2024-05,1.5,\n\
               2024-05-02T00:00:00Z,BTC,2024-05,,7\n";
    let done = send(&app, "mode=merge", "text/csv", csv).await.ok();
    assert_eq!(done["inserted"], 2);
    for form in ["json", "ndjson", "csv", "arrow", "parquet"] {
        let asked = Request::post(format!("/v1/sql?format={form}"));
        let answer = app.command(asked, &json!({ "query": "select * from user.prices" })).await;
        assert_eq!(answer.status, StatusCode::OK);
        let kind = answer.header("content-type").to_owned();
        let body = match form {
            // The answer is a document around the rows.
            "json" => answer.json["rows"].to_string().into_bytes(),
            _ => answer.body,
        };
        let request =
            Request::post(format!("{PRICES}/rows?mode=merge")).header("content-type", kind);
        let done = app.bytes(request, body).await.ok();
        assert_eq!(numbers(&done), [0, 0, 2, 0, 0], "{form}");
    }
    let refused = send(&app, "mode=merge", "text/plain", csv).await.problem_of("text/plain", 415);
    assert!(refused["fix"].as_str().unwrap().contains("text/csv"), "{refused}");
}

#[tokio::test]
async fn new_columns_are_added_refused_or_set_aside_as_the_table_has_it() {
    let mut rich = row("BTC", 1, 1.0);
    rich["note"] = json!("new");
    rich["score"] = json!(0.5);
    let rows = json!([rich, row("ETH", 1, 2.0)]);

    let app = with_prices(&[]).await;
    write(&app, "merge", &json!([row("SOL", 1, 1.0)])).await.ok();
    let done = write(&app, "merge", &rows).await.ok();
    assert_eq!(done["columns_added"], json!(["note", "score"]));
    let selected = select(&app, "select asset, note, score from user.prices order by 1").await;
    assert_eq!(selected[0], json!({ "asset": "BTC", "note": "new", "score": 0.5 }));
    assert_eq!(selected[2], json!({ "asset": "SOL", "note": null, "score": null }));
    assert_eq!(put(&app, PRICES, &prices()).await.status, StatusCode::OK, "it is the same still");
    let odd =
        json!([{ "month": "2024-05", "asset": "X", "at": "2024-05-01T00:00:00Z", "Odd Name": 1 }]);
    write(&app, "merge", &odd).await.problem_of("a name that is none", 422);

    let app = with_prices(&[("on_new_columns", json!("freeze"))]).await;
    let problem = write(&app, "merge", &rows).await.problem_of("freeze", 422);
    assert!(problem["detail"].as_str().unwrap().contains("has no column note, score"), "{problem}");
    assert_eq!(select(&app, COUNT).await[0]["n"], 0);

    let app = with_prices(&[("on_new_columns", json!("dead_letter"))]).await;
    let done = write(&app, "merge", &rows).await.ok();
    assert_eq!((&done["inserted"], &done["dead_letters"]), (&json!(1), &json!(1)));
    assert_eq!(select(&app, "select asset from user.prices").await, [json!({ "asset": "ETH" })]);
}

#[tokio::test]
async fn bad_rows_refuse_the_whole_or_are_set_aside_with_their_bytes() {
    let lines = "{\"month\":\"2024-05\",\"asset\":\"BTC\",\"at\":\"2024-05-01T00:00:00Z\",\"price\":1}\n\
                 {\"month\":\"2024-05\",\"asset\":\"BTC\",\"at\":\"2024-05-02T00:00:00Z\",\"price\":\"x\"}\n\
                 {\"month\":\"2024-05\",\"at\":\"2024-05-03T00:00:00Z\"}\n";
    let ndjson = "application/x-ndjson";

    let app = with_prices(&[]).await;
    let problem = send(&app, "mode=merge", ndjson, lines).await.problem_of("bad rows", 422);
    assert_eq!(problem["field"], "price");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("2 of 3 rows do not fit: row 2, price: \"x\" is not a number"),
        "{detail}"
    );
    assert!(detail.contains("row 3, asset: there is no value"), "{detail}");
    assert_eq!(select(&app, COUNT).await[0]["n"], 0);

    let app = with_prices(&[("on_new_columns", json!("dead_letter"))]).await;
    for _ in 0..2 {
        let done = send(&app, "mode=merge", ndjson, lines).await.ok();
        assert_eq!(done["dead_letters"], 2);
        app.clock.advance(seconds(1));
    }
    assert_eq!(select(&app, COUNT).await[0]["n"], 1);
    let letters = app.get("/v1/dead-letters?series=user.prices").await.ok();
    let letters = letters["items"].as_array().unwrap();
    assert_eq!(letters.len(), 2, "the same bytes are one letter");
    let bad = letters.iter().find(|letter| letter["detail"].as_str().unwrap().contains("price"));
    let bad = bad.unwrap();
    assert_eq!((&bad["times_seen"], &bad["series"]), (&json!(2), &json!("user.prices")));
    assert!(bad["fingerprint"].as_str().unwrap().starts_with("user.fits_the_table."), "{bad}");
    let path = format!("/v1/dead-letters/{}", bad["id"].as_str().unwrap());
    let kept = app.get(&path).await.ok();
    assert_eq!(kept["raw"], lines.lines().nth(1).unwrap());
    let replay = json!({ "ids": [bad["id"]] });
    let told = app.post("/v1/dead-letters/replay", &replay).await.ok();
    assert_eq!(told["not_replayable"], 1, "{told}");

    let none = "{\"asset\":\"BTC\"}\n";
    let problem =
        send(&app, "mode=overwrite", ndjson, none).await.problem_of("nothing is left", 422);
    assert!(problem["detail"].as_str().unwrap().contains("1 of 1 rows"), "{problem}");
}

#[tokio::test]
async fn a_request_that_comes_twice_is_done_once_and_its_key_stands_for_nothing_else() {
    let app = with_prices(&[("key", json!([]))]).await;
    let keyed = async |rows: &Value| {
        let request = Request::post(format!("{PRICES}/rows?mode=append"));
        app.command(request.header("idempotency-key", "order-7"), rows).await
    };
    let rows = json!([row("BTC", 1, 1.0)]);
    let first = keyed(&rows).await.ok();
    assert_eq!((&first["inserted"], &first["is_repeated"]), (&json!(1), &json!(false)));
    let again = keyed(&rows).await.ok();
    assert_eq!((&again["inserted"], &again["is_repeated"]), (&json!(0), &json!(true)));
    let problem = keyed(&json!([row("BTC", 2, 1.0)])).await.problem_of("another", 422);
    assert_eq!(problem["field"], "idempotency-key");
    assert_eq!(select(&app, COUNT).await[0]["n"], 1);
    let history = app.get(&format!("{PRICES}/history?limit=1")).await.ok();
    assert_eq!(history["items"][0]["request"], "local/order-7");
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    let app = with_prices(&[]).await;
    let rows = json!([row("BTC", 1, 1.0)]);
    for (path, status, field) in [
        ("/v1/tables/user.prices/rows", 422, "mode"),
        ("/v1/tables/user.prices/rows?mode=upsert", 422, "mode"),
        ("/v1/tables/user.nothing/rows?mode=append", 404, ""),
        ("/v1/tables/raw_market_data_1m/rows?mode=append", 422, "name"),
        ("/v1/tables/silver.market_data/rows?mode=append", 422, "name"),
    ] {
        let problem = app.post(path, &rows).await.problem_of(path, status);
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{path}");
    }
    for (kind, body) in
        [("application/json", "{}"), ("application/json", "["), ("text/csv", "a,a\n")]
    {
        let problem = send(&app, "mode=merge", kind, body).await.problem_of(body, 422);
        assert_eq!(problem["field"], "body");
    }
}

#[tokio::test]
async fn rows_may_be_longer_than_other_bodies_up_to_a_limit_of_their_own() {
    let settings = &[("SERVER__MAX_BODY", "1KiB"), ("SERVER__MAX_ROWS_BODY", "4KiB")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    put(&app, PRICES, &prices()).await;
    let rows = |count: u32| json!((1..=count).map(|day| row("BTC", day, 1.0)).collect::<Vec<_>>());
    assert!(rows(20).to_string().len() > 1 << 10);
    assert_eq!(write(&app, "merge", &rows(20)).await.ok()["inserted"], 20);
    let many = json!(vec![row("BTC", 1, 1.0); 60]);
    let problem = write(&app, "merge", &many).await.problem_of("too long", 413);
    assert!(problem["fix"].as_str().unwrap().contains("server.max_rows_body"), "{problem}");
}

#[tokio::test]
async fn whoever_only_reads_makes_and_writes_nothing() {
    let app = access::guarded().await;
    let token = access::make(&app, "reader", Scope::Read, None).await;
    for (request, body) in [
        (Request::put(PRICES), prices()),
        (Request::post(format!("{PRICES}/rows?mode=merge")), json!([])),
    ] {
        let request = request.header("authorization", format!("Bearer {token}"));
        app.command(request, &body).await.problem_of("a reader", 403);
    }
    assert!(app.app.lake.named("user.prices").is_none());
}
