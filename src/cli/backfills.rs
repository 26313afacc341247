//! `barkeep backfills …`: what was asked for, how far it is, and its reins.

use std::{process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    given::{id, patience},
    output::{Column, count, instant, list, seconds, share, text, word},
    remote::{Listing, Page, Remote, Talk, asked},
    watch::watch,
};
use crate::{config::Config, market::InstrumentId};

#[derive(Debug, Args)]
pub(super) struct Backfills {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every backfill, newest first.
    List {
        /// Only those: active, paused, cancelled, completed, `completed_with_errors` or failed.
        #[arg(long)]
        state: Option<String>,
        /// Only those of this asset.
        #[arg(long)]
        asset: Option<InstrumentId>,
        #[command(flatten)]
        page: Page,
    },
    /// One backfill.
    Show(One),
    /// Show its progress until it has ended.
    Watch {
        #[command(flatten)]
        one: One,
        /// How often to ask how far it is.
        #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = patience)]
        every: Duration,
    },
    /// Begin nothing more of it, until it is resumed. It survives restarts.
    Pause(Rein),
    /// Go on where it was paused.
    Resume(Rein),
    /// Give it up. What has landed stays.
    Cancel(Rein),
    /// Try its failed chunks again.
    Retry(Rein),
    /// The pieces it is worked at in.
    Chunks {
        #[command(flatten)]
        one: One,
        /// Only those that were given up.
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        page: Page,
    },
}

#[derive(Debug, Args)]
struct One {
    /// As `barkeep backfills list` names it.
    #[arg(value_parser = id)]
    id: String,
}

#[derive(Debug, Args)]
struct Rein {
    #[command(flatten)]
    one: One,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
}

const LIST: Listing = Listing {
    columns: &[
        text("id", "/backfill_id"),
        word("state", "/state"),
        share("done", "/progress/share"),
        count("failed", "/progress/chunks_failed"),
        count("candles", "/progress/candles_landed"),
        list("assets", "/assets"),
        list("timeframes", "/timeframes"),
        instant("start", "/start"),
        instant("end (excluded)", "/end"),
        text("by", "/created_by"),
        instant("created", "/created_at"),
    ],
    none: "there is no backfill",
};

/// What is told of one.
pub(super) const SUMMARY: &[Column] = &[
    text("backfill", "/backfill_id"),
    word("state", "/state"),
    text("reason", "/reason"),
    list("assets", "/assets"),
    list("timeframes", "/timeframes"),
    text("provider", "/provider"),
    instant("start", "/start"),
    instant("end (excluded)", "/end"),
    text("priority", "/priority"),
    text("order", "/order"),
    text("reprocess", "/reprocess"),
    text("created by", "/created_by"),
    instant("created", "/created_at"),
    instant("started", "/started_at"),
    instant("ended", "/ended_at"),
    count("chunks", "/progress/chunks_total"),
    count("  done", "/progress/chunks_done"),
    count("  failed", "/progress/chunks_failed"),
    count("  running", "/progress/chunks_running"),
    count("  waiting", "/progress/chunks_waiting"),
    count("candles landed", "/progress/candles_landed"),
    count("requests made", "/progress/requests_made"),
    count("requests planned", "/progress/requests_planned"),
    share("share done", "/progress/share"),
    seconds("time left", "/progress/eta_seconds"),
];

/// Of one backfill or of all.
pub(super) const CHUNKS: &[Column] = &[
    text("chunk", "/chunk_id"),
    text("series", "/series"),
    instant("start", "/start"),
    instant("end (excluded)", "/end"),
    word("state", "/state"),
    count("attempts", "/attempts"),
    instant("not before", "/not_before"),
    text("replica", "/replica"),
    text("error", "/error"),
];

pub(super) const FAILED_CHUNKS: Listing = Listing {
    columns: &[
        text("failed", "/series"),
        instant("start", "/start"),
        instant("end (excluded)", "/end"),
        count("attempts", "/attempts"),
        text("error", "/error"),
    ],
    none: "no chunk failed",
};

impl Backfills {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Command::List { state, asset, page } => {
                let asset = asset.map(|asset| asset.to_string());
                let query = page.of(asked([("state", state), ("asset", asset)]));
                talk.list(&["v1", "backfills"], &query, &LIST).await
            }
            Command::Show(one) => {
                let answer = talk.client.get(&["v1", "backfills", &one.id], &[]).await?;
                talk.tell_details(&answer, SUMMARY)
            }
            Command::Watch { one, every } => watch(&talk, &one.id, every).await,
            Command::Pause(rein) => rein.pull(&talk, "pause").await,
            Command::Resume(rein) => rein.pull(&talk, "resume").await,
            Command::Cancel(rein) => rein.pull(&talk, "cancel").await,
            Command::Retry(rein) => rein.pull(&talk, "retry-failed").await,
            Command::Chunks { one, failed, page } => {
                let state = failed.then(|| "failed".to_owned());
                let path = ["v1", "backfills", &one.id, "chunks"];
                let listing = Listing { columns: CHUNKS, none: "there is no such chunk" };
                talk.list(&path, &page.of(asked([("state", state)])), &listing).await
            }
        }
    }
}

impl Rein {
    async fn pull(self, talk: &Talk, action: &str) -> anyhow::Result<ExitCode> {
        let body = match self.reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        let path = ["v1", "backfills", &self.one.id, action];
        let answer = talk.client.post(&path, &body).await?;
        talk.tell_details(&answer, SUMMARY)
    }
}
