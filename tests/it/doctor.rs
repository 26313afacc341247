//! What the doctor says of each provider, well and ill. Well, it is the suite every adapter passes.

use barkeep::providers::doctor::{Check, Checkup, Depth, Doctor};
use insta::assert_snapshot;

use crate::support::test_app::{Setup, TestApp};

async fn examine(app: &TestApp, provider: &str, depth: Depth) -> Checkup {
    let provider = app.app.providers.get(&provider.parse().unwrap()).unwrap();
    let clock = app.clock.clone() as _;
    let config = &app.app.config;
    let doctor = Doctor::new(provider, &clock, config.calendars, &config.ingest.assets);
    app.run(doctor.examine(depth)).await
}

fn table(checkup: &Checkup) -> String {
    let line = |result: &barkeep::providers::doctor::CheckResult| {
        format!("{} {:4} {:15} {}\n", result.id, result.outcome.as_str(), result.check, result.says)
    };
    checkup.results.iter().map(line).collect()
}

#[tokio::test]
async fn coinbase_keeps_what_its_adapter_promises() {
    let app = TestApp::with(Setup { assets: "BTCUSD,ETHUSD", ..Setup::default() }).await;
    let checkup = examine(&app, "coinbase", Depth::Thorough).await;
    assert_eq!(checkup.results.len(), Check::ALL.len());
    assert_snapshot!(table(&checkup));
}
