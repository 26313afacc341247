//! `barkeep coverage`, `explain` and `rewind`: one series, what became of it and why.

use std::{fmt::Write, process::ExitCode};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    confirm::confirm,
    given::{instant, written},
    output::{Form, Look, count, counts, details, instant as at, shown, text, word},
    remote::{Listing, Remote, asked, items_of},
};
use crate::{config::Config, market::Series};

/// What became of every candle.
#[derive(Debug, Args)]
pub(super) struct Coverage {
    #[command(flatten)]
    remote: Remote,
    /// Like coinbase/BTCUSD/1m.
    series: Series,
    /// From here on: a date is its midnight in UTC.
    #[arg(long, value_parser = instant)]
    start: Option<DateTime<Utc>>,
    /// Up to here, which is not included.
    #[arg(long, value_parser = instant)]
    end: Option<DateTime<Utc>>,
    /// By runs of candles of one state, or by days.
    #[arg(long)]
    resolution: Option<Resolution>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Resolution {
    Candle,
    Day,
}

/// Why a series is as fresh as it is.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    remote: Remote,
    /// Like coinbase/BTCUSD/1m.
    series: Series,
}

/// Have everything after an instant asked for again.
#[derive(Debug, Args)]
pub(super) struct Rewind {
    #[command(flatten)]
    remote: Remote,
    /// Like coinbase/BTCUSD/1m.
    series: Series,
    /// From here on: a date is its midnight in UTC.
    #[arg(long, value_parser = instant)]
    to: DateTime<Utc>,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: String,
    /// Do not ask whether to proceed.
    #[arg(long, short)]
    yes: bool,
}

const RUNS: Listing = Listing {
    columns: &[
        at("start", "/start"),
        at("end (excluded)", "/end"),
        word("state", "/state"),
        count("candles", "/candles"),
    ],
    none: "there is nothing in this window",
};

const DAYS: Listing = Listing {
    columns: &[
        text("day", "/date"),
        word("condition", "/condition"),
        count("findings", "/findings"),
        counts("candles", "/candles"),
    ],
    none: "there is nothing in this window",
};

const CAUSES: Listing = Listing {
    columns: &[
        text("cause", "/code"),
        at("since", "/since"),
        at("until", "/until"),
        text("what it is", "/text"),
        text("see", "/see"),
    ],
    none: "there is nothing to explain",
};

fn path<'a>(series: &'a Series, what: &'a str) -> [&'a str; 6] {
    let Series { provider, instrument, timeframe } = series;
    ["v1", "series", provider.as_str(), instrument.as_str(), timeframe.as_str(), what]
}

impl Coverage {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        if let (Some(start), Some(end)) = (self.start, self.end) {
            super::backfill::check_span(start, end)?;
        }
        let talk = self.remote.open(config)?;
        let resolution = self.resolution.and_then(|one| one.to_possible_value());
        let query = asked([
            ("start", self.start.map(written)),
            ("end", self.end.map(written)),
            ("resolution", resolution.map(|one| one.get_name().to_owned())),
        ]);
        let answer = talk.client.get(&path(&self.series, "coverage"), &query).await?;
        talk.tell(&answer, coverage)
    }
}

/// Runs or days, and how many candles there are of each state.
fn coverage(value: &Value) -> String {
    let mut text = match value["days"].as_array() {
        Some(_) => items_of(value, "days", &DAYS),
        None => items_of(value, "runs", &RUNS),
    };
    if value["candles"].is_object() {
        let _ = write!(text, "\n\n{}", shown(value.get("candles"), Form::Counts));
    }
    text
}

impl Explain {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let answer = talk.client.get(&path(&self.series, "explain"), &[]).await?;
        talk.tell(&answer, |value| {
            let said = |name| shown(value.get(name), Form::Text);
            let head = format!("{} is {} as of {}", said("series"), said("verdict"), said("as_of"));
            format!("{head}\n\n{}", items_of(value, "causes", &CAUSES))
        })
    }
}

impl Rewind {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let to = written(self.to);
        let question = format!("Have everything of {} since {to} asked for again?", self.series);
        if !confirm(&question, self.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let body = json!({ "to": to, "reason": self.reason });
        let answer = talk.client.post(&path(&self.series, "rewind"), &body).await?;
        talk.tell(&answer, |value| {
            let columns = [
                text("series", "/series"),
                at("rewound to", "/to"),
                count("candles", "/candles"),
                word("verdict", "/verdict"),
                at("watermark", "/watermark"),
            ];
            let shown = details(&columns, value, Look::of_stdout());
            format!("{shown}\nwhat follows is asked for again")
        })
    }
}
