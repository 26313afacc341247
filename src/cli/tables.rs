//! `barkeep tables …`: what the lake takes, what its commits did, keeping it small, and tables of one's
//! own.

mod create;
pub(super) mod write;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    confirm::confirm,
    given::table,
    output::{Column, Form, Look, count, details, grouped, instant, series, shown, text, word},
    remote::{Listing, Page, Remote, Talk},
};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Tables {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every table: how large it is, how far back it can be read, what its last maintenance did.
    List,
    /// The commits of a table, newest first.
    History(History),
    /// Remove files that no readable version needs. It happens by itself once a day.
    Vacuum(Vacuum),
    /// Merge all small files of a table now.
    Optimize(Optimize),
    /// Make a table of your own; nothing is done if it is there already.
    Create(create::Create),
    /// Write files of rows to a table of your own, each at once or not at all.
    Write(write::Write),
}

#[derive(Debug, Args)]
struct History {
    /// Like `raw_market_data_1m`.
    #[arg(value_parser = table)]
    name: String,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
struct Vacuum {
    /// Like `raw_market_data_1m`.
    #[arg(value_parser = table)]
    name: String,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
    /// Do not ask whether to proceed.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
struct Optimize {
    /// Like `raw_market_data_1m`.
    #[arg(value_parser = table)]
    name: String,
    /// Write every file anew, in order, so that no two overlap in what the table is sorted by.
    #[arg(long)]
    rewrite: bool,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
}

const LIST: Listing = Listing {
    columns: &[
        text("name", "/name"),
        count("files", "/files"),
        count("bytes", "/bytes"),
        count("rows", "/rows"),
        count("oldest", "/oldest_version"),
        count("version", "/version"),
        instant("maintained", "/maintenance/at"),
        count("files removed", "/maintenance/files_removed"),
        count("bytes removed", "/maintenance/bytes_removed"),
        count("entries removed", "/maintenance/entries_removed"),
    ],
    none: "there is no table",
};

const HISTORY: Listing = Listing {
    columns: &[
        count("version", "/version"),
        instant("at", "/at"),
        text("operation", "/operation"),
        count("files added", "/files_added"),
        count("removed", "/files_removed"),
        count("rows", "/rows"),
        series("of", "/landings"),
    ],
    none: "there is no such commit",
};

const VACUUMED: &[Column] = &[
    text("table", "/table"),
    word("only said", "/dry_run"),
    count("files", "/files"),
    count("bytes", "/bytes"),
];

const OPTIMIZED: &[Column] = &[
    text("table", "/table"),
    text("done", "/is_done"),
    count("files before", "/files_before"),
    count("files after", "/files_after"),
    count("bytes before", "/bytes_before"),
    count("bytes after", "/bytes_after"),
];

impl Tables {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Command::List => talk.list(&["v1", "tables"], &[], &LIST).await,
            Command::History(history) => history.run(&talk).await,
            Command::Vacuum(vacuum) => vacuum.run(&talk).await,
            Command::Optimize(optimize) => optimize.run(&talk).await,
            Command::Create(create) => create.run(&talk).await,
            Command::Write(write) => write.run(&talk).await,
        }
    }
}

impl History {
    async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let path = ["v1", "tables", &self.name, "history"];
        talk.list(&path, &self.page.of(Vec::new()), &HISTORY).await
    }
}

impl Vacuum {
    /// A preview first. What becomes old in between goes as well.
    async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let path = ["v1", "tables", &self.name, "vacuum"];
        let mut body = json!({ "dry_run": true });
        if let Some(reason) = &self.reason {
            body["reason"] = json!(reason);
        }
        let preview = talk.client.post(&path, &body).await?;
        let files = preview.value["files"].as_i64().unwrap_or_default();
        if self.dry_run || files == 0 {
            return talk.tell(&preview, vacuumed);
        }
        if !talk.is_json {
            eprintln!("{}", vacuumed(&preview.value));
        }
        if !confirm(&format!("Remove {} files for good?", grouped(files)), self.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        body["dry_run"] = json!(false);
        let done = talk.client.post(&path, &body).await?;
        talk.tell(&done, vacuumed)
    }
}

impl Optimize {
    async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let mut body = match self.reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        if self.rewrite {
            body["rewrite"] = json!(true);
        }
        let done = talk.client.post(&["v1", "tables", &self.name, "optimize"], &body).await?;
        talk.tell_details(&done, OPTIMIZED)
    }
}

/// How much, and the names that are told.
fn vacuumed(value: &Value) -> String {
    let names = value["names"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = details(VACUUMED, value, Look::of_stdout());
    for name in names {
        text = format!("{text}\n{}", shown(Some(name), Form::Text));
    }
    text
}
