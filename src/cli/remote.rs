//! What every command has that asks a daemon: where it is, the key, and in which form to tell.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::Value;

use super::output::{Column, Look, details, say, table};
use crate::{
    client::{Answer, Client, Query, find_key},
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The daemon's address, like <https://barkeep.example:8380>; where the settings have it
    /// listen, if none is given.
    #[arg(long, global = true, value_name = "URL", env = "BARKEEP_SERVER")]
    #[arg(hide_env_values = true, display_order = 910)]
    server: Option<String>,
    /// A file that holds the key to send; otherwise that of `BARKEEP_KEY` is sent, if there is one.
    #[arg(long, global = true, value_name = "FILE", env = "BARKEEP_KEY_FILE", display_order = 911)]
    key_file: Option<PathBuf>,
    /// Print the API's JSON to standard output, and nothing else there.
    #[arg(long, global = true, display_order = 912)]
    json: bool,
}

/// A part of a long list.
#[derive(Debug, Args)]
pub(super) struct Page {
    /// How many to list, at most 1000.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on where a list ended.
    #[arg(long)]
    cursor: Option<String>,
}

/// A list as it is shown.
pub(super) struct Listing {
    pub(super) columns: &'static [Column],
    /// What is said of an empty one.
    pub(super) none: &'static str,
}

/// A daemon to talk to, and somebody to tell.
pub(super) struct Talk {
    pub(super) client: Client,
    pub(super) is_json: bool,
}

impl Remote {
    pub(super) fn open(&self, config: &Config) -> anyhow::Result<Talk> {
        let server = self.server.clone().unwrap_or_else(|| {
            let mut bind = config.server.bind;
            if bind.ip().is_unspecified() {
                let here = if bind.is_ipv4() {
                    [127, 0, 0, 1].into()
                } else {
                    [0, 0, 0, 0, 0, 0, 0, 1].into()
                };
                bind.set_ip(here);
            }
            format!("http://{bind}")
        });
        let client = Client::new(&server, find_key(self.key_file.as_deref())?)?;
        Ok(Talk { client, is_json: self.json })
    }
}

impl Page {
    /// Adds what it says to a question.
    pub(super) fn of(&self, mut query: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
        query.push(("limit", self.limit.to_string()));
        query.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        query
    }
}

/// What was said of a question, with its name.
pub(super) fn asked<const N: usize>(
    said: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    said.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl Talk {
    /// Asks for a list and shows it.
    pub(super) async fn list(
        &self,
        path: &[&str],
        query: &Query,
        listing: &Listing,
    ) -> anyhow::Result<ExitCode> {
        let answer = self.client.get(path, query).await?;
        self.tell(&answer, |value| items_of(value, "items", listing))
    }

    /// Shows one thing that came of a question or a command.
    pub(super) fn tell(
        &self,
        answer: &Answer,
        show: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<ExitCode> {
        if self.is_json {
            say(&answer.text)?;
        } else {
            say(&show(&answer.value))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) fn tell_details(
        &self,
        answer: &Answer,
        columns: &[Column],
    ) -> anyhow::Result<ExitCode> {
        self.tell(answer, |value| details(columns, value, Look::of_stdout()))
    }
}

/// The list called `name` as a table, and how to read on.
pub(super) fn items_of(value: &Value, name: &str, listing: &Listing) -> String {
    let items = value[name].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return listing.none.to_owned();
    }
    let shown = table(listing.columns, items, Look::of_stdout());
    match value["next"].as_str() {
        Some(next) => format!("{shown}\nthere is more: --cursor {next}"),
        None => shown,
    }
}
