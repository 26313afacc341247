//! The commands that ask a daemon over HTTP, wherever it runs.

use std::process::ExitCode;

use clap::Subcommand;

use super::{
    assets::Assets,
    backfill::Backfill,
    backfills::Backfills,
    dead_letters::DeadLetters,
    diff::Diff,
    features::Features,
    gaps::Gaps,
    jobs::{Audit, Jobs, Replicas},
    models::Models,
    quality::Quality,
    query::Ask,
    refusal,
    schedules::Schedules,
    series::{Coverage, Explain, Rewind},
    status::{Status, Watermarks},
    tables::Tables,
    verify::Verify,
};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Asking {
    /// Ask for history: see what it costs, have it done, look how far it is.
    Backfill(Box<Backfill>),
    /// Look after what was asked for: list, watch, pause, resume, cancel, retry.
    Backfills(Backfills),
    /// See how fresh every series is.
    Status(Status),
    /// See up to where every series is complete.
    Watermarks(Watermarks),
    /// See what is missing, and have it asked for now.
    Gaps(Gaps),
    /// See what became of every candle of a series.
    Coverage(Coverage),
    /// See why a series is as fresh as it is.
    Explain(Explain),
    /// Have a series asked for again from an instant on.
    Rewind(Rewind),
    /// See whether everything that must hold does: rows, coverage, watermarks, the Delta log.
    Verify(Verify),
    /// Ask in SQL: about the lake, as it is or as it was known, and about the daemon itself.
    Query(Ask),
    /// Have a file of moments joined with the indicators as they were known then.
    Features(Features),
    /// Prove that files, or another series, have the same candles; or see where they differ.
    Diff(Box<Diff>),
    /// See what was refused, judge it anew, or discard it.
    DeadLetters(DeadLetters),
    /// See what is expected of the data, and how far it is so.
    Quality(Quality),
    /// See what is being worked at.
    Jobs(Jobs),
    /// See what happens by itself; hold it up, or have it happen now.
    Schedules(Schedules),
    /// See and change which assets are kept.
    Assets(Assets),
    /// See what the lake takes and what its commits did; keep it small.
    Tables(Tables),
    /// See which tables are made of others, have them built, tested, and traced to their sources.
    Models(Models),
    /// See the daemons that share the work.
    Replicas(Replicas),
    /// See who asked for what.
    Audit(Audit),
}

impl Asking {
    /// Says itself what goes wrong, since exit codes depend on it.
    pub(super) async fn run(self, config: &Config) -> ExitCode {
        let result = match self {
            Self::Backfill(command) => command.run(config).await,
            Self::Backfills(command) => command.run(config).await,
            Self::Status(command) => command.run(config).await,
            Self::Watermarks(command) => command.run(config).await,
            Self::Gaps(command) => command.run(config).await,
            Self::Coverage(command) => command.run(config).await,
            Self::Explain(command) => command.run(config).await,
            Self::Rewind(command) => command.run(config).await,
            Self::Verify(command) => command.run(config).await,
            Self::Query(command) => command.run(config).await,
            Self::Features(command) => command.run(config).await,
            Self::Diff(command) => command.run(config).await,
            Self::DeadLetters(command) => command.run(config).await,
            Self::Quality(command) => command.run(config).await,
            Self::Jobs(command) => command.run(config).await,
            Self::Schedules(command) => command.run(config).await,
            Self::Assets(command) => command.run(config).await,
            Self::Tables(command) => command.run(config).await,
            Self::Models(command) => command.run(config).await,
            Self::Replicas(command) => command.run(config).await,
            Self::Audit(command) => command.run(config).await,
        };
        refusal::outcome(result)
    }
}
