//! `barkeep verify`: every invariant and what breaks it, table by table.

use std::process::ExitCode;

use clap::Args;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    output::{Look, count, say, table, text},
    remote::{Remote, Talk},
};
use crate::{
    client::ClientError,
    config::Config,
    market::{RecordKind, Series, Timeframe},
};

/// Ends with 0 if everything holds, with 1 if something does not.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    remote: Remote,
    /// Only this one, like `coinbase/BTCUSD/1m`; otherwise all.
    series: Option<Series>,
}

impl Verify {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let of_series = |series: Series| vec![("series", series.to_string())];
        let scopes = self.series.map_or_else(tables, of_series);
        let mut reports = Vec::new();
        for scope in scopes {
            match report(&talk, &scope).await {
                Err(ClientError::Refused(refusal)) if refusal.status == TOO_SLOW => {
                    reports.extend(one_by_one(&talk, scope).await?);
                }
                report => reports.push(report?),
            }
        }
        let sum =
            |member| reports.iter().filter_map(|one: &Value| one[member].as_i64()).sum::<i64>();
        let is_sound = reports.iter().all(|report| report["is_sound"] == true);
        if talk.is_json {
            say(&json!({ "is_sound": is_sound, "reports": reports }).to_string())?;
        } else {
            let (series, rows) = (sum("series"), sum("rows"));
            let looked = format!("{series} series with {rows} rows");
            match (is_sound, violations(&reports)) {
                (true, _) => say(&format!("everything holds: {looked}"))?,
                (false, shown) => say(&format!("{shown}\nnot everything holds: {looked}"))?,
            }
        }
        Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A table at a time: each takes as long as a request may.
fn tables() -> Vec<(&'static str, String)> {
    let timeframes = Timeframe::ALL.map(|one| ("timeframe", one.to_string()));
    let records = RecordKind::ALL.map(|kind| ("series", kind.to_string()));
    timeframes.into_iter().chain(records).collect()
}

const TOO_SLOW: StatusCode = StatusCode::GATEWAY_TIMEOUT;

async fn report(talk: &Talk, scope: &(&'static str, String)) -> Result<Value, ClientError> {
    Ok(talk.client.get(&["v1", "verify"], std::slice::from_ref(scope)).await?.value)
}

/// A table that takes longer than a request may, series by series.
async fn one_by_one(talk: &Talk, scope: (&'static str, String)) -> Result<Vec<Value>, ClientError> {
    let listed = talk.client.get(&["v1", "series"], &[scope]).await?.value;
    let mut reports = Vec::new();
    for item in listed["items"].as_array().into_iter().flatten() {
        let series = item["series"].as_str().unwrap_or_default().to_owned();
        reports.push(report(talk, &("series", series)).await?);
    }
    Ok(reports)
}

/// The invariants that do not hold, with where they do not.
fn violations(reports: &[Value]) -> String {
    let lists = |value: &Value, member: &str| value[member].as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for outcome in reports.iter().flat_map(|report| lists(report, "invariants")) {
        for example in lists(&outcome, "examples") {
            let mut row = example;
            row["name"] = outcome["name"].clone();
            row["violations"] = outcome["violations"].clone();
            rows.push(row);
        }
    }
    let columns = [
        text("invariant", "/name"),
        count("violations", "/violations"),
        text("series", "/series"),
        text("from", "/start"),
        text("detail", "/detail"),
    ];
    table(&columns, &rows, Look::of_stdout())
}
