//! Whatever metric is named anywhere exists, with the labels it is asked by.

use std::collections::{BTreeMap, BTreeSet};

use barkeep::telemetry::Metrics;

use super::{
    file,
    promql::{Selector, selectors},
};
use crate::architecture::{Source, texts};

/// What Prometheus itself puts on whatever it scrapes.
const OF_THE_TARGET: [&str; 2] = ["instance", "job"];

/// Every metric that may be asked for, with its labels: those of Barkeep and those that the rules
/// record.
pub(super) fn known() -> BTreeMap<String, BTreeSet<String>> {
    let metrics = Metrics::new().unwrap();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for family in metrics.families() {
        let labels = family.labels.iter().cloned().chain(OF_THE_TARGET.map(str::to_owned));
        let labels: BTreeSet<String> = labels.collect();
        known.insert(family.name.clone(), labels.clone());
        let is_histogram = ["_seconds", "_bps"].iter().any(|unit| family.name.ends_with(unit));
        if is_histogram {
            for end in ["_sum", "_count", "_bucket"] {
                known.insert(format!("{}{end}", family.name), labels.clone());
            }
            known.entry(format!("{}_bucket", family.name)).or_default().insert("le".to_owned());
        }
    }
    let all: BTreeSet<String> = known.values().flatten().cloned().collect();
    for line in file("deploy/alerts.yaml").lines() {
        if let Some(name) = line.trim().strip_prefix("- record: ") {
            known.insert(name.to_owned(), all.clone());
        }
    }
    known
}

/// What is wrong with how a metric is asked for.
fn complaint(known: &BTreeMap<String, BTreeSet<String>>, selector: &Selector) -> Option<String> {
    let Selector { name, labels, function } = selector;
    let Some(has) = known.get(name) else { return Some(format!("there is no {name}")) };
    if let Some(label) = labels.iter().find(|label| !has.contains(*label)) {
        return Some(format!("{name} has no label {label}"));
    }
    let counts = ["_total", "_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end));
    match &**function {
        "rate" | "increase" | "irate" if !counts => Some(format!("{name} is no counter")),
        "delta" | "deriv" | "changes" if counts => Some(format!("{name} is a counter")),
        _ => None,
    }
}

#[test]
fn every_metric_that_is_named_exists() {
    let known = known();
    let mut named = 0;
    // Quotes are escaped in JSON.
    let unescaped = |place: Source| (place.path, place.text.replace("\\\"", "\""));
    let places = ["deploy", "grafana"].into_iter().flat_map(texts).map(unescaped);
    let readme = ("README.md".to_owned(), file("README.md"));
    for (path, text) in places.chain([readme]) {
        for selector in selectors(&text) {
            named += 1;
            assert_eq!(complaint(&known, &selector), None, "{path}");
        }
    }
    assert!(named > 100, "only {named} are named: they are not looked for where they are");
}

#[test]
fn a_metric_that_is_named_wrongly_is_found() {
    let known = known();
    for (text, expected) in [
        ("barkeep_series{verdict=\"stale\"} > 0", None),
        ("rate(barkeep_job_seconds_bucket{le=\"1\"}[5m])", None),
        ("barkeep_serie", Some("there is no barkeep_serie")),
        ("barkeep_series{asset=\"BTCUSD\"}", Some("barkeep_series has no label asset")),
        ("barkeep_jobs_total{le=\"1\"}", Some("barkeep_jobs_total has no label le")),
        ("rate(barkeep_series[5m])", Some("barkeep_series is no counter")),
        ("delta(barkeep_jobs_total[5m])", Some("barkeep_jobs_total is a counter")),
        ("barkeep:never:recorded", Some("there is no barkeep:never:recorded")),
        ("process_files", Some("there is no process_files")),
    ] {
        let found = selectors(text).iter().find_map(|selector| complaint(&known, selector));
        assert_eq!(found.as_deref(), expected, "{text}");
    }
}
