//! From a request to candles in the lake.

use barkeep::jobs::JobSpec;
use serde_json::json;

use super::{
    CHUNKS, END, START, act, bench, create, finals, published, requests, show, step, two_months,
    work,
};

#[tokio::test]
async fn a_backfill_brings_every_candle_of_its_window_once_for_the_requests_it_planned() {
    let app = bench().await;
    let before = requests(&app);
    let id = create(&app, &two_months()).await;
    let queued = show(&app, &id).await;
    assert_eq!(queued["state"], "queued");
    assert_eq!(queued["progress"]["chunks_total"], CHUNKS);
    assert_eq!(queued["progress"]["eta_seconds"], json!(null), "nothing tells yet");
    assert_eq!(work(&app).await as i64, CHUNKS);
    let done = show(&app, &id).await;
    assert_eq!(done["state"], "completed", "{done:#}");
    let progress = &done["progress"];
    let wanted = published(&app, START, END);
    assert!(wanted > 1_400);
    assert_eq!(progress["candles_landed"], wanted);
    assert_eq!(progress["requests_made"], progress["requests_planned"]);
    assert_eq!(progress["requests_made"], requests(&app) - before);
    assert_eq!(progress["share"], 1.0);
    assert_eq!(finals(&app, "coinbase/BTCUSD/1h", START, END).await, wanted);
}

#[tokio::test]
async fn history_that_has_landed_is_neither_asked_for_nor_landed_again() {
    let app = bench().await;
    create(&app, &two_months()).await;
    work(&app).await;
    let before = requests(&app);
    let again = app.post("/v1/backfills", &two_months()).await;
    // Hours without a trade are holes that one answer alone does not prove.
    let holes = 1_488 - published(&app, START, END);
    if holes == 0 {
        assert_eq!(again.json["state"], "completed");
        assert_eq!(requests(&app), before);
    }
    work(&app).await;
    let id = again.json["backfill_id"].as_str().unwrap();
    assert_eq!(show(&app, id).await["progress"]["candles_landed"], 0);
}

#[tokio::test]
async fn derived_candles_follow_upon_those_they_are_made_of() {
    let app = bench().await;
    let spec = json!({ "assets": ["BTCUSD"], "timeframes": ["4h"], "start": START, "end": END });
    let id = create(&app, &spec).await;
    let chunks = app.get(&format!("/v1/backfills/{id}/chunks")).await.ok();
    let of = |name: &str| {
        let items = chunks["items"].as_array().unwrap();
        items.iter().filter(|chunk| chunk["series"] == format!("coinbase/BTCUSD/{name}")).count()
    };
    assert_eq!((of("1h") as i64, of("4h")), (CHUNKS, 2));
    work(&app).await;
    assert_eq!(show(&app, &id).await["state"], "completed");
    assert_eq!(finals(&app, "coinbase/BTCUSD/4h", START, END).await, 372);
}

#[tokio::test]
async fn the_newest_history_comes_first_if_that_is_wanted() {
    let app = bench().await;
    let mut spec = two_months();
    spec["order"] = json!("newest_first");
    create(&app, &spec).await;
    step(&app).await;
    let last_days = finals(&app, "coinbase/BTCUSD/1h", "2024-03-01T00:00:00Z", END).await;
    assert_eq!(last_days, 48);
    assert_eq!(finals(&app, "coinbase/BTCUSD/1h", START, "2024-01-03T00:00:00Z").await, 0);
}

#[tokio::test]
async fn t60_a_restart_goes_on_at_the_chunk_and_lands_nothing_again() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    step(&app).await;
    step(&app).await;
    let before = requests(&app);
    let app = app.restart().await;
    let kept = show(&app, &id).await;
    assert_eq!((&kept["state"], &kept["progress"]["chunks_done"]), (&json!("running"), &json!(2)));
    work(&app).await;
    let done = show(&app, &id).await;
    assert_eq!(done["state"], "completed");
    assert_eq!(requests(&app) - before, 3);
    assert_eq!(done["progress"]["candles_landed"], published(&app, START, END));
}

/// What is kept by itself and history that was asked for are one once nothing lies between them.
#[tokio::test]
async fn history_that_reaches_up_to_what_is_kept_becomes_part_of_it() {
    let app = bench().await;
    let mut spec = two_months();
    spec["end"] = json!("2024-03-06T08:00:00Z");
    create(&app, &spec).await;
    let origin = async || {
        let series = app.get("/v1/series?timeframe=1h").await.ok();
        series["items"][0]["origin"].clone()
    };
    assert_eq!(origin().await, "2024-03-06T04:00:00Z");
    step(&app).await;
    assert_eq!(origin().await, "2024-03-06T04:00:00Z", "something lies between");
    work(&app).await;
    assert_eq!(origin().await, START);
}

/// While a backfill has history in work, the daily catching-up leaves it alone.
#[tokio::test]
async fn nobody_else_asks_for_history_that_a_backfill_has_in_work() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    step(&app).await;
    super::act(&app, &id, "pause").await;
    let before = requests(&app);
    let series = "coinbase/BTCUSD/1h".parse().unwrap();
    app.run(barkeep::jobs::run(&app.app, &JobSpec::Fill(series))).await.unwrap();
    assert_eq!(requests(&app), before);
}

#[tokio::test]
async fn an_asset_that_is_not_kept_can_be_had_and_is_not_kept_afterwards() {
    let app = bench().await;
    let mut spec = two_months();
    spec["assets"] = json!(["SOLUSD"]);
    create(&app, &spec).await;
    work(&app).await;
    assert!(finals(&app, "coinbase/SOLUSD/1h", START, END).await > 1_400);
    let series = app.get("/v1/series?asset=SOLUSD").await.ok();
    assert_eq!(series["items"][0]["role"], "imported", "{series:#}");
    let before = requests(&app);
    app.round().await;
    let asked_for = app.get("/v1/series?asset=SOLUSD").await.ok();
    assert_eq!(asked_for["items"][0]["last_candle"], series["items"][0]["last_candle"]);
    assert!(requests(&app) > before, "what is kept is asked for");
}

#[tokio::test]
async fn whoever_watches_is_told_of_every_change_and_then_that_it_is_over() {
    let app = bench().await;
    let id = create(&app, &two_months()).await;
    let path = format!("/v1/backfills/{id}/events");
    let watching = async {
        let answer = app.get(&path).await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        answer.text().to_owned()
    };
    // The stream ends by itself when there is nothing left to tell.
    let (told, _) = tokio::join!(watching, work(&app));
    let events: Vec<&str> = told.split("\n\n").filter(|event| event.contains("data:")).collect();
    let part = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {event}")).trim().to_owned()
    };
    let number = |event: &&str| part(event, "id:").parse::<i64>().unwrap();
    let ids: Vec<i64> = events.iter().map(number).collect();
    assert!(ids.len() > 2 && ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let data = |event: &str| serde_json::from_str::<serde_json::Value>(&part(event, "data:"));
    let shares: Vec<f64> = events
        .iter()
        .map(|event| data(event).unwrap()["progress"]["share"].as_f64().unwrap())
        .collect();
    assert!(shares.is_sorted(), "{shares:?}");
    assert_eq!(data(events.last().unwrap()).unwrap()["state"], "completed");

    let again = |seen: i64| {
        let request = axum::http::Request::get(&path).header("last-event-id", seen.to_string());
        app.send(request)
    };
    let last = *ids.last().unwrap();
    let answer = again(last - 1).await;
    assert_eq!(answer.text().matches("event: progress").count(), 1);
    assert_eq!(again(last).await.status, axum::http::StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn backfills_are_listed_by_what_they_are_about() {
    let app = bench().await;
    let btc = create(&app, &two_months()).await;
    app.clock.advance(chrono::TimeDelta::seconds(1));
    let mut spec = two_months();
    spec["assets"] = json!(["ETHUSD"]);
    let eth = create(&app, &spec).await;
    act(&app, &eth, "pause").await;
    for (query, expected) in [
        ("", vec![&eth, &btc]),
        ("?asset=BTCUSD", vec![&btc]),
        ("?asset=eth-usd", vec![&eth]),
        ("?asset=eth-usd&state=active", vec![]),
        ("?asset=SOLUSD", vec![]),
    ] {
        let listed = app.get(&format!("/v1/backfills{query}")).await.ok();
        let ids = listed["items"].as_array().unwrap().iter().map(|item| &item["backfill_id"]);
        assert_eq!(ids.collect::<Vec<_>>(), expected, "{query}");
    }
}
