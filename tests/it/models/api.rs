//! Models over HTTP: what there is, what was built of what, and having it built.

use serde_json::{Value, json};

use super::{Stage, TOPS};
use crate::support::test_app::Setup;

async fn built() -> Stage {
    let text = TOPS.replace("-- reach", "-- test few (warn): n < 20\n-- reach");
    let stage = Stage::with(Setup::default(), &[("tops.sql", text.as_str())]).await;
    stage.app.settle().await;
    stage.build().await;
    stage
}

/// Is told what is wrong.
async fn refused(stage: &Stage, path: &str, status: u16) {
    stage.app.get(path).await.problem_of(path, status);
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[tokio::test]
async fn models_are_listed_in_the_order_in_which_they_are_built() {
    let stage = built().await;
    let list = stage.app.get("/v1/models").await.ok();
    let names: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let place = |name: &str| names.iter().position(|own| *own == name).unwrap();
    assert!(place("silver.market_data") < place("silver.market_data_enriched"));
    assert!(place("silver.market_data_enriched") < place("silver.market_regime"));
    let tops = named(&list["items"], "silver.tops");
    assert_eq!(tops["reach"], "19 rows");
    assert_eq!(tops["last_build"]["outcome"], "built");
    assert_eq!(tops["last_build"]["tests"][0]["test"], "few");
    assert!(tops["last_build"]["tests"][0]["failures"].as_u64().unwrap() > 100);

    let one = stage.app.get("/v1/models/silver.tops").await.ok();
    assert!(one["query"].as_str().unwrap().contains("max(close)"), "{one}");
    assert_eq!(named(&one["columns"], "close")["type"], "Float64");
    refused(&stage, "/v1/models/silver.none", 404).await;
}

#[tokio::test]
async fn builds_are_told_page_by_page_and_can_be_asked_for() {
    let stage = built().await;
    let body = json!({ "from_scratch": true, "reason": "a test" });
    let done = stage.app.post("/v1/models/silver.tops/build", &body).await.ok();
    assert_eq!((&done["is_whole"], &done["outcome"]), (&json!(true), &json!("built")));
    let first = stage.app.get("/v1/models/silver.tops/builds?limit=1").await.ok();
    assert_eq!(first["items"][0]["run"], done["run"]);
    let next = first["next"].as_str().unwrap();
    let path = format!("/v1/models/silver.tops/builds?limit=1&cursor={next}");
    let second = stage.app.get(&path).await.ok();
    assert_ne!(second["items"][0]["run"], done["run"]);
    refused(&stage, "/v1/models/silver.tops/builds?cursor=x", 422).await;
    let audit = stage.app.get("/v1/audit").await.ok();
    assert!(audit.to_string().contains("model.build"), "{audit}");

    let history = stage.app.get("/v1/tables/silver.tops/history").await.ok();
    assert_eq!(history["items"][0]["operation"], "WRITE", "{history}");
    let tested = stage.app.post("/v1/models/silver.tops/test", &json!({})).await.ok();
    assert_eq!((&tested["is_sound"], &tested["tests"][0]["test"]), (&json!(true), &json!("few")));
}

#[tokio::test]
async fn a_table_is_traced_to_its_sources_and_to_what_is_made_of_it() {
    let stage = built().await;
    let of = async |table: &str| stage.app.get(&format!("/v1/lineage/{table}")).await.ok();
    let told = of("silver.tops").await;
    let upstream: Vec<&str> = told["upstream"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["table"].as_str().unwrap())
        .collect();
    assert_eq!(upstream, ["bronze.candles", "system.preference", "silver.market_data"]);
    let version = &told["versions"][0];
    let own = stage.app.get("/v1/tables/silver.market_data/history?limit=1").await.ok();
    assert_eq!(version["inputs"]["silver.market_data"], own["items"][0]["version"]);
    let below = of("raw_market_data_1m").await;
    assert!(below["downstream"].as_array().unwrap().contains(&json!("silver.tops")), "{below}");
    refused(&stage, "/v1/lineage/silver.nothing", 404).await;
}

#[tokio::test]
async fn every_own_model_can_be_tested() {
    let stage = built().await;
    let list = stage.app.get("/v1/models").await.ok();
    for model in list["items"].as_array().unwrap() {
        let path = format!("/v1/models/{}/test", model["name"].as_str().unwrap());
        let told = stage.app.post(&path, &json!({})).await.ok();
        assert_eq!(
            told["tests"].as_array().unwrap().len(),
            model["tests"].as_array().unwrap().len()
        );
    }
}
