//! `barkeep jobs`, `replicas` and `audit`: what is being done, by whom, and who asked for it.

use std::process::ExitCode;

use clap::Args;

use super::{
    backfills::CHUNKS,
    output::{instant, names, text, word},
    remote::{Listing, Page, Remote, asked},
};
use crate::config::Config;

/// The pieces of work of all backfills, newest first.
#[derive(Debug, Args)]
pub(super) struct Jobs {
    #[command(flatten)]
    remote: Remote,
    /// Only those, like running or failed.
    #[arg(long)]
    state: Option<String>,
    /// Only those, like backfill or repair.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// The daemons that share the work, and what each does alone.
#[derive(Debug, Args)]
pub(super) struct Replicas {
    #[command(flatten)]
    remote: Remote,
}

/// Who asked for what, newest first.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    remote: Remote,
    /// Only what this one asked for, by the name of the key.
    #[arg(long)]
    actor: Option<String>,
    /// Only this, like `backfill.create`.
    #[arg(long)]
    command: Option<String>,
    /// Only what was done to this: an id, a series, an asset.
    #[arg(long)]
    target: Option<String>,
    #[command(flatten)]
    page: Page,
}

const JOBS: Listing = Listing { columns: CHUNKS, none: "there is no such job" };

const REPLICAS: Listing = Listing {
    columns: &[
        text("name", "/name"),
        word("alive", "/alive"),
        text("address", "/address"),
        text("version", "/version"),
        instant("started", "/started_at"),
        instant("seen", "/seen_at"),
        names("duties", "/duties"),
    ],
    none: "there is no replica",
};

const AUDIT: Listing = Listing {
    columns: &[
        instant("at", "/at"),
        text("actor", "/actor"),
        text("command", "/command"),
        text("target", "/target"),
        text("detail", "/detail"),
    ],
    none: "nothing was asked for",
};

impl Jobs {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let query = asked([("state", self.state), ("kind", self.kind)]);
        talk.list(&["v1", "jobs"], &self.page.of(query), &JOBS).await
    }
}

impl Replicas {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        self.remote.open(config)?.list(&["v1", "replicas"], &[], &REPLICAS).await
    }
}

impl Audit {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let query =
            asked([("actor", self.actor), ("command", self.command), ("target", self.target)]);
        talk.list(&["v1", "audit"], &self.page.of(query), &AUDIT).await
    }
}
