//! The dashboard: every panel says what it shows, in which unit, of metrics that exist.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use serde_json::Value;

use super::{
    check, file,
    metrics::known,
    promql::{grouped, selectors},
};

const ROWS: [&str; 9] =
    ["Freshness", "Ingestion", "Providers", "Lake", "Jobs", "Quality", "API", "Process", "Models"];

fn dashboard() -> Value {
    serde_json::from_str(&file("grafana/barkeep.json")).unwrap()
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member].as_str().unwrap_or_default()
}

fn list<'a>(of: &'a Value, member: &str) -> &'a [Value] {
    of[member].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every panel that is not a row.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "panels").iter().filter(|panel| panel["type"] != "row")
}

#[test]
fn panels_say_what_they_show() {
    let dashboard = dashboard();
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard, "panels") {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "an id is there twice: {panel}");
    }
    for panel in panels(&dashboard) {
        let title = text(panel, "title");
        assert!(!title.is_empty() && titles.insert(title), "{title:?}");
        assert!(text(panel, "description").ends_with('.'), "{title} has no description");
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(!text(defaults, "unit").is_empty(), "{title} has no unit");
        assert!(!list(panel, "targets").is_empty(), "{title} shows nothing");
    }
    let rows = list(&dashboard, "panels").iter().filter(|panel| panel["type"] == "row");
    assert_eq!(rows.map(|row| text(row, "title")).collect::<Vec<_>>(), ROWS);
}

/// A legend names each line apart: by every label that the lines differ in, and by no other.
#[test]
fn legends_tell_lines_apart() {
    for panel in panels(&dashboard()) {
        let title = text(panel, "title");
        let mut legends = BTreeSet::new();
        for target in list(panel, "targets") {
            let legend = text(target, "legendFormat");
            assert!(legends.insert(legend), "{title}: {legend:?} twice");
            let labels = legend.split("{{").skip(1).filter_map(|part| part.split("}}").next());
            let labels: BTreeSet<String> = labels.map(str::to_owned).collect();
            let expression = text(target, "expr");
            let mut differ = grouped(expression);
            differ.remove("le");
            let is_recorded = differ.is_empty() && expression.starts_with("barkeep:");
            assert!(!legend.is_empty() && (is_recorded || labels == differ), "{title}: {legend:?}");
        }
    }
}

/// On a grid of 24 columns, none over another.
#[test]
fn panels_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard(), "panels") {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{}", text(panel, "title"));
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(cell), "{} covers another", text(panel, "title"));
        }
    }
}

#[test]
fn the_data_source_is_the_readers_choice() {
    let dashboard = dashboard();
    for panel in panels(&dashboard) {
        for of in list(panel, "targets").iter().chain([panel]) {
            assert_eq!(text(&of["datasource"], "uid"), "${datasource}", "{}", text(panel, "title"));
        }
    }
    let variables = list(&dashboard["templating"], "list");
    let mut known: BTreeSet<&str> = variables.iter().map(|one| text(one, "name")).collect();
    assert!(known.contains("datasource"));
    known.extend(["__all", "__rate_interval"]);
    let json = dashboard.to_string();
    for named in json.split('$').skip(1) {
        let named = named.trim_start_matches('{');
        let end = named.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap();
        assert!(known.contains(&named[..end]), "there is no variable ${}", &named[..end]);
    }
    for provided in ["datasources/prometheus.yaml", "dashboards/barkeep.yaml"] {
        let text = file(&format!("grafana/provisioning/{provided}"));
        assert!(text.starts_with("apiVersion: 1\n"), "{provided}");
    }
}

#[test]
fn expressions_group_by_labels_that_their_metrics_have() {
    let known = known();
    for panel in panels(&dashboard()) {
        for target in list(panel, "targets") {
            let expression = text(target, "expr");
            let has: BTreeSet<&String> = selectors(expression)
                .iter()
                .filter_map(|one| known.get(&one.name))
                .flatten()
                .collect();
            for label in grouped(expression) {
                assert!(has.contains(&label), "{}: no label {label}", text(panel, "title"));
            }
        }
    }
}

/// As rules that record them, they are read by Prometheus itself.
#[test]
fn expressions_are_promql() {
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for panel in panels(&dashboard()) {
        for target in list(panel, "targets") {
            let expression = text(target, "expr").replace("$__rate_interval", "1m");
            let record = format!("panel_{}_{}", panel["id"], text(target, "refId"));
            writeln!(rules, "      - record: {record}").unwrap();
            writeln!(rules, "        expr: {}", Value::from(expression)).unwrap();
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join("dashboard.yaml"), rules).unwrap();
    check("promtool", &["check", "rules", "dashboard.yaml"], folder);
}
