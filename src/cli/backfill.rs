//! `barkeep backfill`: plans, asks, has it done, and shows how far it is.

use std::{process::ExitCode, time::Duration};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    confirm::confirm,
    given::{instant, patience, written},
    output::{Look, line, plan, say},
    refusal::{conflict, unfit},
    remote::{Remote, Talk},
    watch::watch,
};
use crate::{
    client::Answer,
    config::Config,
    market::{InstrumentId, ProviderId, Timeframe},
};

/// What is there already is not asked for again. The daemon does the work: it goes on if this command
/// is ended, and `barkeep backfills` steers it.
#[derive(Debug, Args)]
pub(super) struct Backfill {
    #[command(flatten)]
    remote: Remote,
    /// What to ask for, like `BTCUSD,ETHUSD`.
    #[arg(long, required = true, value_delimiter = ',')]
    assets: Vec<InstrumentId>,
    /// So many days up to now.
    #[arg(long, required_unless_present = "start_date")]
    #[arg(conflicts_with_all = ["start_date", "end_date"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
    /// The first day: its midnight in UTC; or an instant like 2024-01-01T09:00:00Z.
    #[arg(long, requires = "end_date", value_name = "DATE", value_parser = instant)]
    start_date: Option<DateTime<Utc>>,
    /// The day before which it ends: it is not included, nor is an instant that is given.
    #[arg(long, requires = "start_date", value_name = "DATE", value_parser = instant)]
    end_date: Option<DateTime<Utc>>,
    /// Like `1m,1h`; all that the daemon keeps, if none is named.
    #[arg(long, value_delimiter = ',')]
    timeframes: Vec<Timeframe>,
    /// Whom to ask, like coinbase; whoever is preferred, if nobody is named.
    #[arg(long)]
    provider: Option<ProviderId>,
    /// Which backfill goes first.
    #[arg(long)]
    priority: Option<Priority>,
    /// Which history goes first; the oldest, unless it is said.
    #[arg(long)]
    order: Option<Order>,
    /// Which candles to ask for; those that are missing, unless it is said.
    #[arg(long)]
    reprocess: Option<Reprocess>,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
    /// Show the plan and do nothing.
    #[arg(long)]
    dry_run: bool,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Priority {
    Low,
    Normal,
    High,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    OldestFirst,
    NewestFirst,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reprocess {
    /// What was never answered for.
    Missing,
    /// What was refused as well.
    Failed,
    /// Everything, to catch revisions.
    All,
}

impl Backfill {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let spec = self.spec()?;
        let talk = self.remote.open(config)?;
        let planned = talk.client.post(&["v1", "backfills:plan"], &spec).await?;
        if self.dry_run {
            return talk.tell(&planned, |value| plan(value, Look::of_stdout()));
        }
        if planned.value["chunks"] == 0 {
            let none = "there is nothing to be done: all of it is there, or nobody has it";
            return talk
                .tell(&planned, |value| format!("{}\n{none}", plan(value, Look::of_stdout())));
        }
        if !talk.is_json {
            say(&plan(&planned.value, Look::of_stdout()))?;
        }
        refuse_conflicts(&planned.value)?;
        if !confirm("Proceed?", self.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let answer = talk.client.create(&["v1", "backfills"], &self.application(&planned)).await?;
        begun(&talk, &answer, self.no_wait, self.every).await
    }

    /// What is asked for, as the API reads it. Nothing has been sent yet.
    fn spec(&self) -> anyhow::Result<Value> {
        let mut spec = json!({ "assets": self.assets });
        match (self.days, self.start_date, self.end_date) {
            (_, Some(start), Some(end)) => {
                check_span(start, end)?;
                spec["start"] = written(start).into();
                spec["end"] = written(end).into();
            }
            (days, ..) => spec["days"] = json!(days),
        }
        if !self.timeframes.is_empty() {
            spec["timeframes"] = json!(self.timeframes);
        }
        if let Some(provider) = &self.provider {
            spec["provider"] = json!(provider);
        }
        for (name, word) in [
            ("priority", self.priority.as_ref().map(word)),
            ("order", self.order.as_ref().map(word)),
            ("reprocess", self.reprocess.as_ref().map(word)),
        ] {
            if let Some(word) = word {
                spec[name] = word.into();
            }
        }
        Ok(spec)
    }

    /// Exactly what was planned, and why.
    fn application(&self, planned: &Answer) -> Value {
        let mut body = json!({ "plan_id": planned.value["plan_id"] });
        if let Some(reason) = &self.reason {
            body["reason"] = json!(reason);
        }
        body
    }
}

/// Tells what was created, and looks after it unless nobody wants to wait.
pub(super) async fn begun(
    talk: &Talk,
    created: &Answer,
    no_wait: bool,
    every: Duration,
) -> anyhow::Result<ExitCode> {
    let id = super::given::id(created.value["backfill_id"].as_str().unwrap_or_default())
        .map_err(|_| anyhow::anyhow!("the daemon did not say what it created"))?;
    if no_wait {
        return talk.tell(created, |value| {
            format!("{id} {}\nwatch it: barkeep backfills watch {id}", line(value))
        });
    }
    eprintln!("{id}");
    watch(talk, &id, every).await
}

/// `[start, end)`.
pub(super) fn check_span(start: DateTime<Utc>, end: DateTime<Utc>) -> anyhow::Result<()> {
    if start < end {
        return Ok(());
    }
    let what = format!("the end {} is not after the start {}", written(end), written(start));
    Err(unfit(what, "the end is excluded: for one day give the next day as its end"))
}

/// As long as others have some of it in work, the daemon would refuse it.
fn refuse_conflicts(plan: &Value) -> anyhow::Result<()> {
    let others = plan["conflicts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(other) = others.iter().find_map(|other| other["backfill_id"].as_str()) else {
        return Ok(());
    };
    let what = format!("{other} has some of this in work already ({} conflicts)", others.len());
    let fix = format!("wait for it with `barkeep backfills watch {other}`, or cancel it");
    Err(conflict(what, fix))
}

/// As the API spells it.
fn word(value: &impl ValueEnum) -> String {
    let possible = value.to_possible_value();
    possible.map(|value| value.get_name().replace('-', "_")).unwrap_or_default()
}
