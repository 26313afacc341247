//! One build after the other: what is built, when, and what keeps it from being published.

use barkeep::store::BuildOutcome;

use super::{Stage, TOPS};
use crate::support::test_app::Setup;

const BTC: &str = "coinbase/BTCUSD/1m";

#[tokio::test]
async fn candles_become_one_row_each_and_a_tick_builds_only_what_is_new() {
    let stage = Stage::with(Setup::default(), &[("tops.sql", TOPS)]).await;
    stage.app.settle().await;
    stage.build().await;
    let landed = stage.one("select count(distinct timestamp) as n from raw_market_data_1m").await;
    let built = stage.one("select count(*) as n from silver.market_data").await;
    assert_eq!(landed, built);
    assert!(built["n"].as_i64().unwrap() > 400, "{built}");
    let first = &stage.builds("silver.tops").await[0];
    assert!(first.is_whole && first.outcome == BuildOutcome::Built);

    stage.tick(BTC, 3).await;
    stage.build().await;
    let next = &stage.builds("silver.tops").await[0];
    assert!(!next.is_whole && next.inserted >= 2, "{next:?}");
    assert!(next.inserted + next.updated + next.unchanged < 40, "{next:?}");
    let newest = "select highest, n from silver.tops order by timestamp desc limit 1";
    let again = "select max(close) as highest, count(*) as n from (select close from \
         silver.market_data order by timestamp desc limit 20)";
    assert_eq!(stage.one(newest).await, stage.one(again).await);
}

#[tokio::test]
async fn without_news_nothing_is_built_also_after_a_restart() {
    let stage = Stage::with(Setup::default(), &[("tops.sql", TOPS)]).await;
    stage.app.settle().await;
    stage.build().await;
    let before = stage.app.app.store.builds(None, None, 100).await.unwrap().len();
    let Stage { app, folder } = stage;
    let stage = Stage { app: app.restart().await, folder };
    assert_eq!(stage.build().await, 1);
    let after = stage.app.app.store.builds(None, None, 100).await.unwrap();
    assert_eq!(after.len(), before + 1);
    // What the daemon knew of every day is known anew.
    assert_eq!(after[0].model, "gold.mart_data_quality");
}

#[tokio::test]
async fn a_model_with_an_error_fails_alone_and_says_why() {
    let broken = TOPS.replace("silver.tops", "silver.broken").replace("max(", "maxx(");
    let models = [("tops.sql", TOPS), ("broken.sql", broken.as_str())];
    let stage = Stage::with(Setup::default(), &models).await;
    stage.app.settle().await;
    stage.build().await;
    let failed = &stage.builds("silver.broken").await[0];
    assert_eq!(failed.outcome, BuildOutcome::Failed);
    assert!(failed.error.as_deref().unwrap().contains("maxx"), "{failed:?}");
    assert_eq!(stage.builds("silver.tops").await[0].outcome, BuildOutcome::Built);
    let tries = stage.builds("silver.broken").await.len();
    stage.build().await;
    assert_eq!(stage.builds("silver.broken").await.len(), tries, "it waits before it tries again");
}

#[tokio::test]
async fn a_test_that_fails_keeps_the_last_good_version() {
    let strict = TOPS.replace(
        "-- reach",
        "-- test early: timestamp < '2024-03-06T12:01:00Z'\n-- test few (warn): n < 20\n-- reach",
    );
    let stage = Stage::with(Setup::default(), &[("tops.sql", strict.as_str())]).await;
    stage.app.settle().await;
    stage.build().await;
    let good = stage.one("select count(*) as n, max(timestamp) as t from silver.tops").await;
    let built = &stage.builds("silver.tops").await[0];
    assert_eq!(built.outcome, BuildOutcome::Built, "{built:?}");
    assert!(built.tests.contains("\"test\":\"few\""), "a warning is kept: {}", built.tests);

    stage.tick(BTC, 5).await;
    stage.build().await;
    let refused = &stage.builds("silver.tops").await[0];
    assert_eq!(refused.outcome, BuildOutcome::Failed);
    let said = refused.error.as_deref().unwrap();
    assert!(said.contains("the test early") && said.contains("timestamp=2024-03-06T12"), "{said}");
    let now = stage.one("select count(*) as n, max(timestamp) as t from silver.tops").await;
    assert_eq!(now, good);
    let market = stage.one("select count(*) as n from silver.market_data").await;
    assert!(market["n"].as_i64() > good["n"].as_i64(), "the others go on");
}

#[tokio::test]
async fn another_text_builds_everything_anew() {
    let stage = Stage::with(Setup::default(), &[("tops.sql", TOPS)]).await;
    stage.app.settle().await;
    stage.build().await;
    let wider = TOPS.replace("as n\n", "as n, close * 2 as doubled\n");
    std::fs::write(stage.folder.path().join("tops.sql"), wider).unwrap();
    let Stage { app, folder } = stage;
    let stage = Stage { app: app.restart().await, folder };
    stage.build().await;
    assert!(stage.builds("silver.tops").await[0].is_whole);
    let wrong = "select count(*) as n from silver.tops where doubled is distinct from close * 2";
    assert_eq!(stage.one(wrong).await["n"], 0);
}
