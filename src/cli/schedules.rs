//! `barkeep schedules …`: what happens by itself, and holding it up.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    given::schedule,
    output::{Column, instant, text},
    remote::{Listing, Remote, Talk},
};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Schedules {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every schedule, when it was last due and when it is next.
    List,
    /// Have nothing begun by it, until it is resumed. It survives restarts.
    Pause(One),
    /// Go on with it.
    Resume(One),
    /// Have it due now, once.
    Trigger(One),
}

#[derive(Debug, Args)]
struct One {
    /// Like poll-1m or repair.
    #[arg(value_parser = schedule)]
    name: String,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
}

const COLUMNS: &[Column] = &[
    text("name", "/name"),
    text("every", "/every"),
    text("paused", "/paused"),
    text("by", "/paused_by"),
    instant("since", "/paused_since"),
    text("reason", "/reason"),
    instant("last", "/last_tick_at"),
    instant("next", "/next_tick_at"),
];

const LIST: Listing = Listing { columns: COLUMNS, none: "there is no schedule" };

impl Schedules {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Command::List => talk.list(&["v1", "schedules"], &[], &LIST).await,
            Command::Pause(one) => one.act(&talk, "pause").await,
            Command::Resume(one) => one.act(&talk, "resume").await,
            Command::Trigger(one) => one.act(&talk, "trigger").await,
        }
    }
}

impl One {
    async fn act(self, talk: &Talk, action: &str) -> anyhow::Result<ExitCode> {
        let body = match self.reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        let answer = talk.client.post(&["v1", "schedules", &self.name, action], &body).await?;
        talk.tell_details(&answer, COLUMNS)
    }
}
