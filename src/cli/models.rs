//! `barkeep models …`: the tables that are made of others.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    given::table,
    output::{Column, count, instant, text, word},
    remote::{Listing, Page, Remote, Talk, items_of},
};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Models {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every model, in the order in which they are built, and how its last build went.
    List,
    /// What each model reads.
    Graph,
    /// How the builds of a model went, newest first.
    Builds(Builds),
    /// Build what has changed now; it happens by itself within seconds.
    Run(Named),
    /// Run the tests of a model on its table; the exit code is 1 if one that refuses fails.
    Test(Named),
    /// Build a model from scratch; what is there stays until it is published.
    Rebuild(Named),
    /// What a table is made of, version by version, and what is made of it.
    Lineage(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// Like `silver.market_data`.
    #[arg(value_parser = table)]
    name: String,
}

#[derive(Debug, Args)]
struct Builds {
    /// Like `silver.market_data`.
    #[arg(value_parser = table)]
    name: String,
    #[command(flatten)]
    page: Page,
}

const LIST: Listing = Listing {
    columns: &[
        text("name", "/name"),
        text("built per", "/increment"),
        text("reach", "/reach"),
        text("last build", "/last_build/outcome"),
        instant("at", "/last_build/ended_at"),
        count("inserted", "/last_build/inserted"),
        count("updated", "/last_build/updated"),
        text("error", "/last_build/error"),
    ],
    none: "there is no model",
};

const GRAPH: Listing = Listing {
    columns: &[text("name", "/name"), text("reads", "/from"), text("reads whole", "/with")],
    none: "there is no model",
};

const BUILDS: Listing = Listing {
    columns: &[
        instant("at", "/ended_at"),
        text("outcome", "/outcome"),
        word("whole", "/is_whole"),
        count("inserted", "/inserted"),
        count("updated", "/updated"),
        count("unchanged", "/unchanged"),
        count("removed", "/removed"),
        count("version", "/version"),
        text("error", "/error"),
    ],
    none: "it was not built yet",
};

const BUILT: &[Column] = &[
    text("outcome", "/outcome"),
    text("from scratch", "/is_whole"),
    count("inserted", "/inserted"),
    count("updated", "/updated"),
    count("unchanged", "/unchanged"),
    count("removed", "/removed"),
    count("version", "/version"),
];

const TESTED: Listing = Listing {
    columns: &[
        text("test", "/test"),
        text("severity", "/severity"),
        count("failures", "/failures"),
        text("example", "/example"),
    ],
    none: "there is no test, or nothing to be tested",
};

const LINEAGE: &[Column] = &[
    text("table", "/table"),
    count("version", "/version"),
    text("made of", "/upstream"),
    text("goes into", "/downstream"),
];

impl Models {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Command::List => talk.list(&["v1", "models"], &[], &LIST).await,
            Command::Graph => talk.list(&["v1", "models"], &[], &GRAPH).await,
            Command::Builds(Builds { name, page }) => {
                let path = ["v1", "models", &name, "builds"];
                talk.list(&path, &page.of(Vec::new()), &BUILDS).await
            }
            Command::Run(Named { name }) => build(&talk, &name, false).await,
            Command::Rebuild(Named { name }) => build(&talk, &name, true).await,
            Command::Test(Named { name }) => test(&talk, &name).await,
            Command::Lineage(Named { name }) => lineage(&talk, &name).await,
        }
    }
}

async fn build(talk: &Talk, name: &str, from_scratch: bool) -> anyhow::Result<ExitCode> {
    let body = json!({ "from_scratch": from_scratch });
    let done = talk.client.post(&["v1", "models", name, "build"], &body).await?;
    talk.tell_details(&done, BUILT)
}

async fn test(talk: &Talk, name: &str) -> anyhow::Result<ExitCode> {
    let done = talk.client.post(&["v1", "models", name, "test"], &json!({})).await?;
    let is_sound = done.value["is_sound"].as_bool().unwrap_or_default();
    let said = talk.tell(&done, |value| items_of(value, "tests", &TESTED))?;
    Ok(if is_sound { said } else { ExitCode::FAILURE })
}

async fn lineage(talk: &Talk, name: &str) -> anyhow::Result<ExitCode> {
    let mut told = talk.client.get(&["v1", "lineage", name], &[]).await?;
    // The names alone are enough to read.
    if let Some(steps) = told.value["upstream"].as_array() {
        told.value["upstream"] = steps.iter().map(|step| step["table"].clone()).collect();
    }
    talk.tell_details(&told, LINEAGE)
}
