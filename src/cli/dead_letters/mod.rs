//! `barkeep dead-letters …`: what was refused, and what is to become of it.

mod columns;
mod decide;

use std::process::ExitCode;

use self::{
    columns::{GROUPS, LIST, ONE},
    decide::decide,
};
use super::{
    given::id,
    remote::{Page, Remote, asked},
};
use crate::config::Config;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct DeadLetters {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What was refused, newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// Only those: open, replayed or discarded.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// How many there are of each kind.
    Groups {
        /// Only those with such letters: open, replayed or discarded; open, unless it is said.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// One letter, with what was received.
    Show {
        /// As `barkeep dead-letters list` names it.
        #[arg(value_parser = id)]
        id: String,
    },
    /// Judge letters anew; what is accepted now lands.
    Replay {
        #[command(flatten)]
        chosen: Chosen,
        /// Why, for whoever wonders later.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Mark letters as of no use. They are kept.
    Discard {
        #[command(flatten)]
        chosen: Chosen,
        /// Why, for whoever wonders later.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Debug, Args)]
struct Filter {
    /// Only of this series or feed, like `coinbase/BTCUSD/1m`.
    #[arg(long)]
    series: Option<String>,
    /// Only those that did not meet this, like `high_not_below_low`.
    #[arg(long)]
    expectation: Option<String>,
    /// Only those that are alike, as `groups` names it.
    #[arg(long)]
    fingerprint: Option<String>,
}

/// Some letters, but never all of them by mistake.
#[derive(Debug, Args)]
struct Chosen {
    /// These.
    #[arg(long, value_delimiter = ',', value_parser = id)]
    #[arg(conflicts_with_all = ["series", "expectation", "fingerprint"])]
    #[arg(required_unless_present_any = ["series", "expectation", "fingerprint"])]
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Args)]
struct How {
    /// Show what would become of them and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask whether to proceed.
    #[arg(long, short)]
    yes: bool,
}

impl DeadLetters {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Command::List { filter, state, page } => {
                let mut query = filter.query();
                query.extend(asked([("state", state)]));
                talk.list(&["v1", "dead-letters"], &page.of(query), &LIST).await
            }
            Command::Groups { state, page } => {
                let query = page.of(asked([("state", state)]));
                talk.list(&["v1", "dead-letters", "groups"], &query, &GROUPS).await
            }
            Command::Show { id } => {
                let answer = talk.client.get(&["v1", "dead-letters", &id], &[]).await?;
                talk.tell_details(&answer, ONE)
            }
            Command::Replay { chosen, reason, how } => {
                decide(&talk, "replay", &chosen, reason.as_deref(), &how).await
            }
            Command::Discard { chosen, reason, how } => {
                decide(&talk, "discard", &chosen, Some(&reason), &how).await
            }
        }
    }
}

impl Filter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let Self { series, expectation, fingerprint } = self;
        asked([
            ("series", series.clone()),
            ("expectation", expectation.clone()),
            ("fingerprint", fingerprint.clone()),
        ])
    }
}
