//! The alert rules: what each says, and that Prometheus takes them and agrees when they fire.

use super::{check, file};
use crate::architecture::root;

const RULES: &str = "deploy/alerts.yaml";

/// Each alert by name, with the lines of its rule.
fn alerts() -> Vec<(String, String)> {
    let text = file(RULES);
    let rules = text.split("      - alert: ").skip(1);
    rules.map(|rule| rule.split_once('\n').unwrap()).map(own).collect()
}

fn own((name, rule): (&str, &str)) -> (String, String) {
    (name.to_owned(), rule.to_owned())
}

#[test]
fn prometheus_takes_its_settings_and_rules() {
    check("promtool", &["check", "config", "prometheus.yaml"], &root().join("deploy"));
    check("promtool", &["check", "rules", "alerts.yaml"], &root().join("deploy"));
    check("amtool", &["check-config", "alertmanager.yaml"], &root().join("deploy"));
}

/// Among them a weekend, at which nothing may fire.
#[test]
fn t13_alerts_fire_when_they_should_and_not_when_a_market_is_closed() {
    check("promtool", &["test", "rules", "alerts_test.yaml"], &root().join("deploy"));
}

#[test]
fn every_alert_is_seen_firing_and_quiet() {
    let tests = file("deploy/alerts_test.yaml");
    let cases: Vec<&str> = tests.split("  - name: ").skip(1).collect();
    for (alert, _) in alerts() {
        let fires = format!("{{alertname=\"{alert}\"}}");
        let both = |case: &&&str| {
            let moments: Vec<&str> = case.split("eval_time: ").skip(1).collect();
            let firing = moments.iter().filter(|moment| moment.contains(&fires)).count();
            (1..moments.len()).contains(&firing)
        };
        assert!(cases.iter().any(|case| both(&case)), "{alert} is not seen both ways");
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_where_to_look() {
    let readme = file("README.md");
    let alerts = alerts();
    for (alert, rule) in &alerts {
        let anchor = alert.to_lowercase();
        let severities = ["critical", "warning", "info"];
        let is_one = |severity: &&&str| rule.contains(&format!("severity: {severity}\n"));
        assert_eq!(severities.iter().filter(is_one).count(), 1, "{alert}");
        assert!(rule.contains("summary: "), "{alert}");
        let description = rule.split("description: >-").nth(1).unwrap_or_default();
        let words: Vec<&str> = description.split_whitespace().collect();
        assert!(
            words.join(" ").to_lowercase().contains("look at"),
            "{alert} names nothing to look at"
        );
        assert!(rule.contains(&format!("runbook_url: README.md#{anchor}\n")), "{alert}");
        let row = format!("| <a id=\"{anchor}\"></a>`{alert}` |");
        assert_eq!(readme.matches(&row).count(), 1, "README.md has no row {row}");
    }
    let rows = readme.matches("<a id=\"barkeep").count();
    assert_eq!(rows, alerts.len(), "README.md explains an alert that there is not");
}

/// A page at night is for what cannot wait until the morning.
#[test]
fn few_alerts_wake_somebody() {
    let alerts = alerts();
    let is_critical = |(_, rule): &&(String, String)| rule.contains("severity: critical");
    let critical: Vec<&str> =
        alerts.iter().filter(is_critical).map(|(alert, _)| &**alert).collect();
    let expected =
        ["BarkeepDown", "BarkeepHeartbeatOld", "BarkeepMostSeriesStale", "BarkeepNothingLands"];
    assert_eq!(critical, expected);
    let alertmanager = file("deploy/alertmanager.yaml");
    let words = alertmanager.split(|c: char| !c.is_ascii_alphanumeric());
    for named in words.filter(|word| word.len() > 8 && word.starts_with("Barkeep")) {
        assert!(alerts.iter().any(|(alert, _)| alert == named), "there is no alert {named}");
    }
}
