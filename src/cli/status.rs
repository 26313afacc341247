//! `barkeep status` and `barkeep watermarks`: is everything as fresh as it should be?

use std::{collections::BTreeMap, fmt::Write, process::ExitCode};

use clap::Args;
use serde_json::Value;

use super::{
    output::{count, instant, seconds, text, word},
    remote::{Listing, Remote, asked, items_of},
};
use crate::{
    config::Config,
    market::{InstrumentId, ProviderId, Timeframe},
};

/// Whether each series may be traded upon, by the candles that should be there.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    which: Which,
    /// Only those that answer for their asset now.
    #[arg(long)]
    on_duty: bool,
    /// Fail if a series is stale or has no candle.
    #[arg(long)]
    strict: bool,
}

/// Up to where everything is accounted for.
#[derive(Debug, Args)]
pub(super) struct Watermarks {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    which: Which,
}

/// All series, or some.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only of this one.
    #[arg(long)]
    asset: Option<InstrumentId>,
    /// Only those.
    #[arg(long)]
    timeframe: Option<Timeframe>,
    /// Only of this one.
    #[arg(long)]
    provider: Option<ProviderId>,
}

const STATUS: Listing = Listing {
    columns: &[
        text("series", "/series"),
        word("verdict", "/verdict"),
        instant("last candle", "/last_candle"),
        count("lag", "/lag_candles"),
        seconds("overdue", "/overdue_seconds"),
        instant("watermark", "/watermark"),
        text("trouble", "/trouble"),
    ],
    none: "there is no such series",
};

const WATERMARKS: Listing = Listing {
    columns: &[
        text("series", "/series"),
        instant("watermark", "/watermark"),
        instant("begins", "/origin"),
        count("landings", "/landings"),
    ],
    none: "there is no such series",
};

impl Which {
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        asked([
            ("asset", self.asset.as_ref().map(ToString::to_string)),
            ("timeframe", self.timeframe.map(|timeframe| timeframe.to_string())),
            ("provider", self.provider.as_ref().map(ToString::to_string)),
        ])
    }
}

impl Watermarks {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        talk.list(&["v1", "watermarks"], &self.which.query(), &WATERMARKS).await
    }
}

impl Status {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let mut query = self.which.query();
        if self.on_duty {
            query.push(("on_duty", "true".to_owned()));
        }
        let answer = talk.client.get(&["v1", "freshness"], &query).await?;
        let troubles = if talk.is_json {
            BTreeMap::new()
        } else {
            let series = talk.client.get(&["v1", "series"], &self.which.query()).await?;
            troubles(&series.value)
        };
        let code = talk.tell(&answer, |value| summary(value, &troubles))?;
        let is_bad = items(&answer.value).iter().any(|item| is_one_of(item, &["stale", "unknown"]));
        Ok(if self.strict && is_bad { ExitCode::FAILURE } else { code })
    }
}

fn items(value: &Value) -> &[Value] {
    value["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_one_of(item: &Value, verdicts: &[&str]) -> bool {
    item["verdict"].as_str().is_some_and(|verdict| verdicts.contains(&verdict))
}

/// What went wrong last, of the series of which something did.
fn troubles(series: &Value) -> BTreeMap<String, Value> {
    let of_one = |item: &Value| {
        let trouble = item.pointer("/trouble/message")?.clone();
        Some((item["series"].as_str()?.to_owned(), trouble))
    };
    items(series).iter().filter_map(of_one).collect()
}

/// A line per series, and how many there are of each verdict.
fn summary(freshness: &Value, troubles: &BTreeMap<String, Value>) -> String {
    let mut freshness = freshness.clone();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in freshness["items"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default() {
        let verdict = item["verdict"].as_str().unwrap_or("?").to_owned();
        *counts.entry(verdict).or_default() += 1;
        let trouble = item["series"].as_str().and_then(|series| troubles.get(series)).cloned();
        item["trouble"] = trouble.unwrap_or_default();
    }
    let mut text = items_of(&freshness, "items", &STATUS);
    let counts: Vec<String> =
        counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    if !counts.is_empty() {
        let as_of = freshness["as_of"].as_str().unwrap_or("?");
        let _ = write!(text, "\n\n{} as of {as_of}", counts.join(", "));
    }
    text
}
