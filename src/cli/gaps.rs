//! `barkeep gaps …`: what is missing, and having it asked for now.

use std::{process::ExitCode, time::Duration};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    backfill::{begun, check_span},
    confirm::confirm,
    given::{instant, patience, written},
    output::{count, instant as at, text},
    remote::{Listing, Page, Remote, Talk, asked},
    status::Which,
};
use crate::{
    config::Config,
    market::{InstrumentId, Series, Timeframe},
};

/// Without a command: list them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Gaps {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is missing, and why.
    List(List),
    /// Ask for it now, before any history.
    Repair(Repair),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    which: Which,
    /// Only those that are missing for this reason.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
struct Repair {
    /// Only these, like `coinbase/BTCUSD/1m`.
    #[arg(long, value_delimiter = ',')]
    series: Vec<Series>,
    /// Only of these.
    #[arg(long, value_delimiter = ',')]
    assets: Vec<InstrumentId>,
    /// Only these.
    #[arg(long, value_delimiter = ',')]
    timeframes: Vec<Timeframe>,
    /// From here on: a date is its midnight in UTC.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    start_date: Option<DateTime<Utc>>,
    /// Up to here, which is not included.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    end_date: Option<DateTime<Utc>>,
    /// Do not ask whether to proceed.
    #[arg(long, short)]
    yes: bool,
    /// Do not wait for its end.
    #[arg(long)]
    no_wait: bool,
    /// How often to ask how far it is.
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = patience)]
    every: Duration,
}

const LIST: Listing = Listing {
    columns: &[
        text("series", "/series"),
        at("start", "/start"),
        at("end (excluded)", "/end"),
        count("candles", "/candles"),
        text("reason", "/reason"),
        at("since", "/since"),
        at("next question", "/next_question_at"),
    ],
    none: "there is no gap",
};

impl Gaps {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Some(Command::Repair(repair)) => repair.run(&talk).await,
            Some(Command::List(list)) => list.run(&talk).await,
            None => self.list.run(&talk).await,
        }
    }
}

impl List {
    async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let mut query = self.which.query();
        query.extend(asked([("reason", self.reason)]));
        talk.list(&["v1", "gaps"], &self.page.of(query), &LIST).await
    }
}

impl Repair {
    async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        if let (Some(start), Some(end)) = (self.start_date, self.end_date) {
            check_span(start, end)?;
        }
        let mut body = json!({});
        for (name, list) in [
            ("series", json!(self.series)),
            ("assets", json!(self.assets)),
            ("timeframes", json!(self.timeframes)),
        ] {
            if list.as_array().is_some_and(|list| !list.is_empty()) {
                body[name] = list;
            }
        }
        for (name, at) in [("start", self.start_date), ("end", self.end_date)] {
            if let Some(at) = at {
                body[name] = written(at).into();
            }
        }
        let whose = if body == json!({}) { "every gap there is" } else { "these gaps" };
        if !confirm(&format!("Ask for {whose} now, before any history?"), self.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let created = talk.client.create(&["v1", "gaps", "repair"], &body).await?;
        begun(talk, &created, self.no_wait, self.every).await
    }
}
