//! `barkeep assets …`: what is kept.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    confirm::confirm,
    output::{Column, instant, list, text},
    refusal::{conflict, unfit},
    remote::{Listing, Remote, Talk, asked},
};
use crate::{
    config::Config,
    market::{InstrumentId, ProviderId, Timeframe},
};

#[derive(Debug, Args)]
pub(super) struct Assets {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every asset that is kept or was.
    List,
    /// Keep another one, from now on; ask for its history with `barkeep backfill`.
    Add(Wanted),
    /// Change what is kept of one. What is not named stays as it is.
    Set(Wanted),
    /// Ask for it no more. What has landed stays.
    Disable(One),
    /// Ask for it again.
    Enable(One),
    /// Forget that it is kept. What has landed stays in the lake.
    Remove {
        #[command(flatten)]
        one: One,
        /// Do not ask whether to proceed.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct One {
    /// Like BTCUSD.
    asset: InstrumentId,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
struct Wanted {
    #[command(flatten)]
    one: One,
    /// Like 1m,1h; a new asset is kept in all six, if none is named.
    #[arg(long, value_delimiter = ',')]
    timeframes: Vec<Timeframe>,
    /// Whom to ask, in this order; whoever the settings name, if nobody is named.
    #[arg(long, value_delimiter = ',')]
    providers: Vec<ProviderId>,
}

const COLUMNS: &[Column] = &[
    text("asset", "/asset"),
    text("enabled", "/enabled"),
    list("timeframes", "/timeframes"),
    list("providers", "/providers"),
    text("source", "/source"),
    text("by", "/changed_by"),
    instant("changed", "/changed_at"),
    text("reason", "/reason"),
];

const LIST: Listing = Listing { columns: COLUMNS, none: "no asset is kept" };

impl Assets {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        match self.command {
            Command::List => talk.list(&["v1", "assets"], &[], &LIST).await,
            Command::Add(wanted) => {
                if find(&talk, &wanted.one.asset).await?.is_some() {
                    let what = format!("{} is kept already", wanted.one.asset);
                    return Err(conflict(what, "change it with `barkeep assets set`"));
                }
                let all = json!({ "timeframes": Timeframe::ALL, "enabled": true });
                wanted.put(&talk, all).await
            }
            Command::Set(wanted) => {
                let kept = known(&talk, &wanted.one.asset).await?;
                wanted.put(&talk, kept).await
            }
            Command::Disable(one) => one.switch(&talk, false).await,
            Command::Enable(one) => one.switch(&talk, true).await,
            Command::Remove { one: One { asset, reason }, yes } => {
                if !confirm(&format!("Keep {asset} no longer?"), yes)? {
                    return Ok(ExitCode::FAILURE);
                }
                let path = ["v1", "assets", asset.as_str()];
                let answer = talk.client.delete(&path, &asked([("reason", reason)])).await?;
                talk.tell(&answer, |_| format!("{asset} is no longer kept"))
            }
        }
    }
}

impl Wanted {
    async fn put(self, talk: &Talk, mut body: Value) -> anyhow::Result<ExitCode> {
        if !self.timeframes.is_empty() {
            body["timeframes"] = json!(self.timeframes);
        }
        if !self.providers.is_empty() {
            body["providers"] = json!(self.providers);
        }
        self.one.put(talk, body).await
    }
}

impl One {
    async fn switch(self, talk: &Talk, is_enabled: bool) -> anyhow::Result<ExitCode> {
        let mut body = known(talk, &self.asset).await?;
        body["enabled"] = json!(is_enabled);
        self.put(talk, body).await
    }

    async fn put(self, talk: &Talk, mut body: Value) -> anyhow::Result<ExitCode> {
        if let Some(reason) = self.reason {
            body["reason"] = json!(reason);
        }
        let answer = talk.client.put(&["v1", "assets", self.asset.as_str()], &body).await?;
        talk.tell_details(&answer, COLUMNS)
    }
}

/// What is kept of an asset, as it is given to the API; an asset is replaced as a whole.
async fn known(talk: &Talk, asset: &InstrumentId) -> anyhow::Result<Value> {
    let Some(kept) = find(talk, asset).await? else {
        let fix = format!("see `barkeep assets list`, or add it with `barkeep assets add {asset}`");
        return Err(unfit(format!("{asset} is not kept"), fix));
    };
    let mut body = json!({});
    for name in ["timeframes", "providers", "enabled"] {
        if let Some(value) = kept.get(name).filter(|value| !value.is_null()) {
            body[name] = value.clone();
        }
    }
    Ok(body)
}

async fn find(talk: &Talk, asset: &InstrumentId) -> anyhow::Result<Option<Value>> {
    let answer = talk.client.get(&["v1", "assets"], &[]).await?;
    let items = answer.value["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(items.iter().find(|item| item["asset"] == asset.as_str()).cloned())
}
