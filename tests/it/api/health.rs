//! Health, version and metrics, and what every answer carries.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Add,
};

use axum::http::Request;
use chrono::TimeDelta;
use insta::assert_json_snapshot;

use super::freshness::friday_evening;
use crate::{
    feeds::newsroom::{BTC, Newsroom},
    support::test_app::{Setup, TestApp, UNLIMITED},
};

#[tokio::test]
async fn a_running_daemon_is_alive_ready_and_knows_its_version() {
    let app = TestApp::start().await;
    for route in ["/livez", "/readyz", "/livez?probe=1"] {
        let answer = app.get(route).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok\n"), "{route}");
    }
    let version = app.get("/version").await.ok();
    assert_json_snapshot!(version, {".version" => "[the version of the package]"});
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_one() {
    let app = TestApp::start().await;
    for route in ["/v1/series", "/v1/nothing", "/v1/candles", "/livez"] {
        let mine = app.send(Request::get(route).header("x-request-id", "mine-1")).await;
        assert_eq!(mine.header("x-request-id"), "mine-1", "{route}");
        let ids = [app.get(route).await, app.get(route).await];
        let ids = ids.map(|answer| answer.header("x-request-id").to_owned());
        assert!(ids.iter().all(|id| id.len() == 36), "{route}: {ids:?}");
        assert_ne!(ids[0], ids[1], "{route}");
    }
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let app = TestApp::start().await;
    for route in ["/v1/series", "/metrics", "/openapi.json", "/docs", "/v1/nothing"] {
        let plain = app.get(route).await;
        assert_eq!(plain.header("content-encoding"), "", "{route}");
        let zipped = app.send(Request::get(route).header("accept-encoding", "gzip")).await;
        assert_eq!(zipped.header("content-encoding"), "gzip", "{route}");
        assert_eq!(zipped.header("content-type"), plain.header("content-type"), "{route}");
        assert!(zipped.body.starts_with(&[0x1F, 0x8B]), "{route}");
        let other = app.send(Request::get(route).header("accept-encoding", "br, zstd")).await;
        assert_eq!(other.header("content-encoding"), "", "{route}");
    }
}

/// Families by name, each with its samples as label text and value.
struct Scrape {
    help: BTreeSet<String>,
    kinds: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

impl Scrape {
    /// The sum of the samples that carry all of these label values; `None` if there is none.
    fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let carries = |sample: &&Sample| {
            let has = |label: &&str| sample.labels.values().any(|value| value == label);
            sample.name == name && labels.iter().all(has)
        };
        self.samples.iter().filter(carries).map(|sample| sample.value).reduce(f64::add)
    }
}

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads the Prometheus text format, strictly: what a line is not allowed to be fails the test.
fn parse(text: &str) -> Scrape {
    assert!(text.ends_with('\n'), "the last line is ended too");
    let mut scrape = Scrape { help: BTreeSet::new(), kinds: BTreeMap::new(), samples: Vec::new() };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').unwrap();
            assert!(!words.trim().is_empty(), "{line}");
            assert!(scrape.help.insert(name.to_owned()), "twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(scrape.kinds.insert(name.to_owned(), kind.to_owned()), None, "{line}");
        } else {
            scrape.samples.push(sample(line));
        }
    }
    scrape
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match series.split_once('{') {
        None => (series, ""),
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
    };
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    assert!(is_name(name), "{line}");
    let label = |pair: &str| {
        let (name, value) = pair.split_once("=\"").unwrap();
        assert!(is_name(name), "{line}");
        (name.to_owned(), value.to_owned())
    };
    let pairs = labels.strip_suffix('"').unwrap_or_default();
    let pairs = pairs.split("\",").filter(|pair| !pair.is_empty());
    Sample {
        name: name.to_owned(),
        labels: pairs.map(label).collect(),
        value: value.parse().unwrap(),
    }
}

async fn scrape(app: &TestApp) -> Scrape {
    let answer = app.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
    parse(answer.text())
}

/// A histogram's samples are called otherwise than itself.
fn family<'a>(scrape: &Scrape, sample: &'a str) -> &'a str {
    let endings = ["_bucket", "_sum", "_count"];
    let stem = endings.iter().find_map(|ending| sample.strip_suffix(ending));
    let is_histogram =
        |stem: &&str| scrape.kinds.get(*stem).is_some_and(|kind| kind == "histogram");
    stem.filter(is_histogram).unwrap_or(sample)
}

/// Minutes with everything that counts something: landings, refusals, failures, requests. One
/// request at a time and none again, so that each run meets the same faults.
async fn busy() -> TestApp {
    let setup = Setup {
        assets: "BTCUSD,ETHUSD",
        timeframes: "1m,1h,4h",
        settings: &[("PROVIDERS__COINBASE__RETRIES", "0"), ("INGEST__PAGES_IN_FLIGHT", "1")],
        ..Setup::default()
    };
    let app = TestApp::with(setup).await;
    app.set_faults(&["bad_row=0.3", "torn=0.2", "empty=0.2", "server_error=0.1"]);
    for _ in 0..8 {
        app.round().await;
        app.clock.advance(TimeDelta::seconds(45));
    }
    app.set_faults(&[]);
    app.settle().await;
    for path in ["/v1/series?asset=BTCUSD", "/v1/nothing/BTCUSD", "/v1/candles?asset=BTCUSD"] {
        app.get(path).await;
    }
    app
}

#[tokio::test]
async fn every_metric_says_what_it_is() {
    let app = busy().await;
    let scrape = scrape(&app).await;
    let mut ours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in &scrape.samples {
        let family = family(&scrape, &sample.name);
        assert!(scrape.help.contains(family), "{family} has no help");
        let kind = scrape.kinds.get(family).unwrap_or_else(|| panic!("{family} has no type"));
        if family.starts_with("barkeep_") {
            assert_eq!(kind == "counter", family.ends_with("_total"), "{family}");
            let labels = ours.entry(format!("{family} ({kind})")).or_default();
            labels.extend(sample.labels.keys().cloned());
        } else {
            assert!(family.starts_with("process_"), "{family}");
        }
    }
    assert_json_snapshot!(ours);
}

/// Labels name kinds of things, of which there are few; assets and messages are no labels.
#[tokio::test]
async fn labels_are_bounded() {
    let app = busy().await;
    for n in 0..50 {
        app.get(&format!("/v1/nothing/{n}")).await;
        app.get(&format!("/v1/dead-letters/dl_{n}")).await;
        app.get(&format!("/v1/candles?asset=C{n}USD&timeframe=1m")).await;
    }
    let scrape = scrape(&app).await;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sample in &scrape.samples {
        for (name, value) in sample.labels.iter().filter(|(name, _)| *name != "le") {
            let is_asset = ["BTC", "ETH", "USD"].iter().any(|coin| value.contains(coin));
            assert!(!is_asset, "{} has {name}={value}", sample.name);
            values.entry(name).or_default().insert(value);
        }
    }
    for (name, values) in values {
        // There are as many models as there are files of them.
        let most = if name == "model" { app.app.models.all().len() } else { 16 };
        assert!(values.len() <= most, "{name} has {values:?}");
    }
}

#[tokio::test]
async fn gauges_describe_the_present() {
    let setup = Setup { assets: "BTCUSD,ETHUSD", ..Setup::default() };
    let app = TestApp::with(setup).await;
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    let scrape = scrape(&app).await;
    let value = |name: &str, label: &str| scrape.value(name, &[label]);
    assert_eq!(value("barkeep_series", "fresh"), Some(1.0));
    assert_eq!(value("barkeep_series", "unknown"), Some(1.0));
    assert_eq!(value("barkeep_series", "stale"), Some(0.0));
    assert_eq!(value("barkeep_provider_budget_used", UNLIMITED), Some(1.0));
    let allowed = value("barkeep_provider_budget_allowed", UNLIMITED).unwrap();
    assert_eq!(format!("{allowed}/s"), UNLIMITED);
    let landed = value("barkeep_candles_landed_total", "coinbase").unwrap();
    let missing = value("barkeep_candles_owed", "missing").unwrap();
    assert_eq!(landed + missing, 300.0, "a page is landed or missing");
    assert_eq!(value("barkeep_candles_owed", "pending"), Some(479.0 * 2.0 - 300.0));
}

/// Whether its last candles exist is known on Sunday at the earliest, and nobody is woken before.
#[tokio::test]
async fn t13_a_week_that_ended_short_of_candles_is_stale_in_a_closed_market() {
    let setup = Setup {
        now: "2024-03-08T22:03:00Z",
        assets: "EURUSD",
        settings: &[("PROVIDERS__OANDA__TOKEN", "any")],
        ..Setup::default()
    };
    let app = TestApp::with(setup).await;
    app.import("eurusd.csv", &friday_evening("2024-03-08T21:50:00Z"), "oanda/EURUSD/1m").await;
    for (now, open, closed) in [
        ("2024-03-08T21:59:59Z", 1.0, 0.0),
        ("2024-03-08T22:00:00Z", 0.0, 1.0),
        ("2024-03-09T12:00:00Z", 0.0, 1.0),
        ("2024-03-10T20:59:59Z", 0.0, 1.0),
        ("2024-03-10T21:00:00Z", 1.0, 0.0),
    ] {
        app.clock.set(now.parse().unwrap());
        let scrape = scrape(&app).await;
        let stale = |market| scrape.value("barkeep_series", &["stale", market]);
        assert_eq!((stale("open"), stale("closed")), (Some(open), Some(closed)), "{now}");
    }
}

#[tokio::test]
async fn feeds_are_counted_by_how_they_stand() {
    let newsroom = Newsroom::open().await;
    let app = newsroom.app(&[("MACRO__INDICATORS", "CPI")]).await;
    app.collect(BTC).await.unwrap();
    let told = async |app: &TestApp| {
        let scrape = scrape(app).await;
        let count = |feed, state| scrape.value("barkeep_feeds", &[feed, state]).unwrap();
        ["collected", "overdue", "never"].map(|state| (count("news", state), count("macro", state)))
    };
    assert_eq!(told(&app).await, [(1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]);
    app.clock.advance(TimeDelta::hours(18));
    assert_eq!(told(&app).await, [(1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]);
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(told(&app).await, [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]);
}

/// An increase is seen only by whoever has seen the count before.
#[tokio::test]
async fn what_may_go_wrong_is_counted_from_nought() {
    let app = TestApp::start().await;
    let scrape = scrape(&app).await;
    for (name, label) in [
        ("barkeep_provider_circuit_openings_total", "coinbase"),
        ("barkeep_candles_refused_total", "readable_answer"),
        ("barkeep_candles_refused_total", "high_not_below_low"),
        ("barkeep_candles_landed_total", "coinbase"),
        ("barkeep_candles_unchanged_total", "4h"),
        ("barkeep_suspicious_answers_total", "coinbase"),
        ("barkeep_delta_commit_conflicts_total", "raw_market_data_1m"),
    ] {
        assert_eq!(scrape.value(name, &[label]), Some(0.0), "{name} {label}");
    }
}
