//! Models that cannot be: the daemon says so at its start.

use barkeep::app::StartError;

use super::TOPS;
use crate::support::test_app::{Setup, TestApp};

async fn refusal(models: &[(&str, String)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in models {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_owned();
    let started = TestApp::start_with(Setup::default(), &[("MODELS__PATH", path)]).await;
    match started.map(|_| ()) {
        Err(StartError::Model(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_circle_and_a_header_that_is_not_understood_stop_the_start() {
    let reads = |name: &str, from: &str| {
        TOPS.replace("silver.tops", name).replace("from: silver.market_data", from)
    };
    let (a, b) = (reads("silver.a", "from: silver.b"), reads("silver.b", "from: silver.a"));
    let said = refusal(&[("a.sql", a), ("b.sql", b)]).await;
    assert!(said.contains("silver.a reads silver.b reads silver.a"), "{said}");
    let said = refusal(&[("a.sql", reads("silver.market_data", "from: bronze.candles"))]).await;
    assert!(said.contains("two models build silver.market_data"), "{said}");
    let said = refusal(&[("a.sql", reads("silver.a", "from: silver.nothing"))]).await;
    assert!(said.contains("silver.a reads silver.nothing, which is neither"), "{said}");
    let said = refusal(&[("odd.sql", TOPS.replace("19 rows", "far"))]).await;
    assert!(said.contains("odd.sql") && said.contains("reach"), "{said}");
}
