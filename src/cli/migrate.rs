//! `barkeep migrate [--check]`

use std::process::ExitCode;

use clap::Args;

use super::output::say;
use crate::{config::Config, store::Store};

/// What `serve` also does at its start. A store of a newer Barkeep is refused.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Change nothing; fail if there is something to do.
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let url = &config.store_url;
        let schema = Store::schema(url).await?;
        let is_current = schema.pending.is_empty();
        if !is_current && !self.check {
            Store::open(url).await?.close().await;
        }
        let outcome = if self.check { "pending" } else { "applied" };
        for (version, name) in &schema.pending {
            say(&format!("{outcome} {version:04} {name}"))?;
        }
        let newest = schema.pending.last().map_or(schema.version, |(version, _)| *version);
        say(&match (is_current, self.check) {
            (false, true) => format!("{url} is at migration {}, not at {newest}", schema.version),
            _ => format!("{url} is at migration {newest}, the newest"),
        })?;
        Ok(if is_current || !self.check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
