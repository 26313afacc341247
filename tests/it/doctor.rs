//! What the doctor says of each provider, well and ill. Well, it is the suite every adapter passes.

use std::{
    fmt::Write,
    process::{Command, Output},
};

use barkeep::{
    clock::{Clock, SystemClock},
    providers::doctor::{Check, CheckResult, Checkup, Depth, Doctor, Outcome},
    simulate::{self, SimulatedExchange, SimulationConfig},
};
use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::test_app::{Setup, TestApp};

type Settings = &'static [(&'static str, &'static str)];

const OANDA: Settings =
    &[("PROVIDERS__OANDA__TOKEN", "a-token-of-a-test"), ("PROVIDERS__OANDA__RETRIES", "0")];
const PREMIUM: Settings = &[
    ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "a-key-of-a-test"),
    ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
    ("PROVIDERS__ALPHA_VANTAGE__LIMITS", "75/min"),
];

/// On a Wednesday on which everybody trades.
async fn app(assets: &'static str, settings: Settings) -> TestApp {
    let now = "2024-03-06T15:30:30Z";
    TestApp::with(Setup { now, assets, timeframes: "1m,1d", settings, ..Setup::default() }).await
}

async fn examine(app: &TestApp, provider: &str, depth: Depth) -> Checkup {
    let provider = app.app.providers.get(&provider.parse().unwrap()).unwrap();
    let clock = app.clock.clone() as _;
    let config = &app.app.config;
    let doctor = Doctor::new(provider, &clock, config.calendars, &config.ingest.assets);
    app.run(doctor.examine(depth)).await
}

fn table(checkup: &Checkup) -> String {
    let line = |result: &CheckResult| {
        let CheckResult { id, check, outcome, says } = result;
        format!("{id} {:4} {check:15} {says}\n", outcome.as_str())
    };
    checkup.results.iter().map(line).collect()
}

/// Every check there is, and none of them bad.
async fn conforming(assets: &'static str, settings: Settings, provider: &str) -> String {
    let checkup = examine(&app(assets, settings).await, provider, Depth::Thorough).await;
    let told = table(&checkup);
    let ids: Vec<_> = checkup.results.iter().map(|result| result.id).collect();
    assert_eq!(ids, Check::ALL.map(Check::id), "{told}");
    assert!(checkup.results.iter().all(|result| result.outcome == Outcome::Good), "{told}");
    told
}

#[tokio::test]
async fn every_adapter_keeps_what_it_promises() {
    assert_snapshot!("coinbase", conforming("BTCUSD,ETHUSD", &[], "coinbase").await);
    assert_snapshot!("oanda", conforming("EURUSD,GBPUSD", OANDA, "oanda").await);
    for (name, assets) in
        [("equities", "IBM,AAPL"), ("currencies", "EURUSD,GBPUSD"), ("coins", "BTCUSD,ETHUSD")]
    {
        let told = conforming(assets, PREMIUM, "alpha_vantage").await;
        assert_snapshot!(format!("alpha_vantage_{name}"), told);
    }
    let free = &[("PROVIDERS__ALPHA_VANTAGE__API_KEY", "a-key-of-a-test")];
    assert_snapshot!("alpha_vantage_free", conforming("IBM", free, "alpha_vantage").await);
}

#[tokio::test]
async fn each_illness_is_named_with_its_cure() {
    let mut told = String::new();
    for (provider, assets, settings, fault) in [
        ("coinbase", "BTCUSD", &[][..], "server_error=1"),
        ("coinbase", "BTCUSD", &[], "html=1"),
        ("coinbase", "BTCUSD,NONEUSD", &[], ""),
        ("coinbase", "EURUSD,BTCUSD", OANDA, "empty=1"),
        ("oanda", "EURUSD", OANDA, "throttle=1"),
        ("alpha_vantage", "IBM", PREMIUM, "bad_key=1"),
        ("alpha_vantage", "IBM", PREMIUM, "premium=1"),
        ("alpha_vantage", "IBM", PREMIUM, "day_quota=1"),
        ("oanda", "BTCUSD", OANDA, ""),
    ] {
        let app = app(assets, settings).await;
        app.set_faults(&[fault].into_iter().filter(|fault| !fault.is_empty()).collect::<Vec<_>>());
        let checkup = examine(&app, provider, Depth::Brief).await;
        writeln!(told, "# {provider}, {assets}, {fault}").unwrap();
        told += &table(&checkup);
    }
    assert_snapshot!("illnesses", told);
}

#[tokio::test]
async fn t11_a_clock_that_is_off_is_noticed_in_both_directions() {
    for (seconds, says) in
        [(300, "ahead of theirs: candles land late"), (-300, "behind theirs: candles land late")]
    {
        let theirs = app("EURUSD", OANDA).await;
        let ours = std::sync::Arc::new(barkeep::clock::ManualClock::at(
            theirs.now() + chrono::TimeDelta::seconds(seconds),
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let exchange = theirs.exchange.clone();
        tokio::spawn(simulate::serve(listener, exchange, std::future::pending()));
        let provider = crate::loopback::oanda(&url.parse().unwrap(), ours.clone(), |_| {});
        let provider: std::sync::Arc<dyn barkeep::providers::Provider> =
            std::sync::Arc::new(provider);
        let config = &theirs.app.config;
        let clock: std::sync::Arc<dyn Clock> = ours;
        let doctor = Doctor::new(&provider, &clock, config.calendars, &config.ingest.assets);
        let checkup = doctor.examine(Depth::Brief).await;
        let told = table(&checkup);
        assert!(!checkup.is_healthy() && told.contains(says), "{told}");
    }
}

/// A simulated exchange in real time, and the command with its own store.
struct Practice {
    folder: TempDir,
    url: String,
}

impl Practice {
    async fn open() -> Self {
        let clock = std::sync::Arc::new(SystemClock::real());
        let exchange = SimulatedExchange::new(&SimulationConfig::default(), clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(simulate::serve(
            listener,
            std::sync::Arc::new(exchange),
            std::future::pending(),
        ));
        Self { folder: tempfile::tempdir().unwrap(), url }
    }

    fn run(&self, words: &[&str], settings: &[(&str, &str)]) -> Output {
        let store = format!("sqlite:{}", self.folder.path().join("barkeep.db").display());
        Command::new(env!("CARGO_BIN_EXE_barkeep"))
            .args(words)
            .env_clear()
            .env("BARKEEP__STORE__URL", store)
            .env("BARKEEP__PROVIDERS__COINBASE__URL", &self.url)
            .env("BARKEEP__PROVIDERS__OANDA__URL", &self.url)
            .envs(settings.iter().map(|(name, value)| (format!("BARKEEP__{name}"), *value)))
            .output()
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_it_in_words_or_as_json_and_by_its_exit_code() {
    let practice = Practice::open().await;
    let check = ["providers", "check"];
    let told = practice.run(&check, &[]);
    let words = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{words}");
    assert!(words.starts_with("coinbase\n  P01 good reachable       answered in "), "{words}");
    assert!(words.contains("P04 good symbols         knows BTCUSD, ETHUSD\n"), "{words}");
    let passed_over = "oanda\n  not asked: providers.oanda.token is not set\n";
    assert!(words.ends_with(passed_over), "{words}");

    let json = practice.run(&["providers", "check", "coinbase", "--json"], &[]);
    let checkups: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(checkups[0]["provider"], "coinbase");
    assert_eq!(checkups[0]["results"][0]["id"], "P01");

    let lacking = practice.run(&["providers", "check", "oanda"], &[]);
    let error = String::from_utf8(lacking.stderr).unwrap();
    assert_eq!(lacking.status.code(), Some(1));
    assert!(error.contains("set providers.oanda.token or providers.oanda.token_file"), "{error}");
    let unknown = practice.run(&["providers", "check", "kraken"], &[]);
    let error = String::from_utf8(unknown.stderr).unwrap();
    assert!(error.contains("there are alpha_vantage, coinbase and oanda"), "{error}");

    let wrong = [("INGEST__ASSETS", "BTCUSD,NONEUSD")];
    let ill = practice.run(&["providers", "check", "coinbase"], &wrong);
    let words = String::from_utf8(ill.stdout).unwrap();
    assert_eq!(ill.status.code(), Some(1), "{words}");
    assert!(words.contains("P04 BAD  symbols"), "{words}");
}
