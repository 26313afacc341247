//! Who made which table of which, as a catalogue is told.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

use super::{Stage, TOPS};
use crate::support::test_app::Setup;

/// A catalogue that is not there at first.
async fn catalogue(failures: usize) -> (String, mpsc::UnboundedReceiver<(HeaderMap, Value)>) {
    let (sender, events) = mpsc::unbounded_channel();
    let failures = Arc::new(AtomicUsize::new(failures));
    let take = move |headers: HeaderMap, body: Bytes| {
        let left = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if left.is_err() {
            sender.send((headers, serde_json::from_slice(&body).unwrap())).unwrap();
        }
        async move { if left.is_ok() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::CREATED } }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/lineage", listener.local_addr().unwrap());
    let router = Router::new().route("/api/v1/lineage", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, events)
}

#[tokio::test]
async fn every_build_is_told_with_its_versions_however_long_the_catalogue_was_away() {
    let (url, mut events) = catalogue(3).await;
    let broken = TOPS.replace("silver.tops", "silver.broken").replace("max(", "maxx(");
    let stage = Stage::told(
        Setup::default(),
        &[("tops.sql", TOPS), ("broken.sql", &broken)],
        &[("LINEAGE__URL", url), ("LINEAGE__API_KEY", "bearer-of-news".to_owned())],
    )
    .await;
    stage.app.settle().await;
    stage.build().await;
    let (mut tops, mut fails) = (Vec::new(), 0);
    while tops.len() < 2 || fails == 0 {
        let (headers, event) = stage.app.run(events.recv()).await.unwrap();
        assert_eq!(headers["authorization"], "Bearer bearer-of-news");
        for known in ["eventTime", "producer", "schemaURL"] {
            assert!(event[known].is_string(), "{event}");
        }
        assert_eq!(event["job"]["namespace"], "barkeep");
        match event["job"]["name"].as_str().unwrap() {
            "silver.tops" => tops.push(event),
            "silver.broken" if event["eventType"] == "FAIL" => {
                let said = &event["run"]["facets"]["errorMessage"]["message"];
                assert!(said.as_str().unwrap().contains("maxx"), "{event}");
                assert_eq!(event["outputs"], Value::Array(Vec::new()));
                fails += 1;
            }
            _ => {}
        }
    }
    let kinds: Vec<_> = tops.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "COMPLETE"]);
    let (done, build) = (&tops[1], &stage.builds("silver.tops").await[0]);
    assert_eq!(done["run"]["runId"], build.run);
    let input = &done["inputs"][0];
    let version = |dataset: &Value| {
        dataset["facets"]["version"]["datasetVersion"].as_str().unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(input["namespace"], "file");
    assert!(input["name"].as_str().unwrap().ends_with("silver/market_data"), "{input}");
    assert_eq!(version(input), build.inputs["silver.market_data"].cast_signed());
    let output = &done["outputs"][0];
    assert_eq!(version(output), build.version);
    assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], build.inserted);
    assert!(done["job"]["facets"]["sql"]["query"].as_str().unwrap().contains("max(close)"));
}

#[tokio::test]
async fn where_there_is_nobody_to_tell_builds_go_on() {
    let away = "http://127.0.0.1:9/api/v1/lineage".to_owned();
    let stage = Stage::told(Setup::default(), &[], &[("LINEAGE__URL", away)]).await;
    stage.app.settle().await;
    stage.build().await;
    let rows = stage.one("select count(*) as n from silver.market_data").await;
    assert!(rows["n"].as_i64().unwrap() > 0);
    let metrics = stage.app.get("/metrics").await;
    assert!(metrics.text().contains("barkeep_lineage_events_total{outcome=\"sent\"} 0"));
}
