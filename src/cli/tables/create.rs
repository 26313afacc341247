//! `barkeep tables create`: a table of one's own, described or like a file.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use deltalake::arrow::datatypes::Field;
use serde_json::{Value, json};

use super::{super::refusal::unfit, write::contents};
use crate::{
    cli::{
        given::table,
        output::{Column, count, list, names, text},
        remote::Talk,
    },
    formats::incoming::{self, Kind},
    lake::NewColumns,
};

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Like `user.prices`.
    #[arg(value_parser = table)]
    name: String,
    /// Columns as a file of rows has them: .csv, .json, .ndjson, .parquet or .arrow.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "columns",
        conflicts_with = "columns"
    )]
    like: Option<PathBuf>,
    /// Columns like `asset_pair:text,fair_value:float`; types are text, float, long, int, bool, timestamp
    /// and date.
    #[arg(long, value_delimiter = ',', value_name = "NAME:TYPE", value_parser = column)]
    columns: Vec<(String, String)>,
    /// Rows with the same value of each share files; texts or dates.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    partition_by: Vec<String>,
    /// By which a row is known, and replaced by a merge.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    key: Vec<String>,
    /// In which order files have the rows; the key, if nothing is said.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    sort_by: Vec<String>,
    /// What becomes of columns that rows bring and the table lacks: evolve, freeze or dead-letter.
    #[arg(long, value_name = "POLICY", default_value = "evolve", value_parser = policy)]
    new_columns: NewColumns,
    /// Why, for whoever wonders later.
    #[arg(long)]
    reason: Option<String>,
}

const MADE: &[Column] = &[
    text("table", "/name"),
    count("version", "/version"),
    names("columns", "/columns"),
    list("partitioned by", "/partition_by"),
    list("key", "/key"),
    list("sorted by", "/sort_by"),
    text("new columns", "/on_new_columns"),
];

impl Create {
    pub(super) async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let columns = match &self.like {
            None => self
                .columns
                .iter()
                .map(|(name, kind)| json!({ "name": name, "type": kind }))
                .collect(),
            Some(path) => {
                let (format, bytes) = contents(path)?;
                let columns = incoming::columns(format, &bytes);
                let columns = columns.map_err(|error| {
                    unfit(format!("{}: {error}", path.display()), "name --columns")
                })?;
                columns.iter().filter_map(described).collect::<Vec<Value>>()
            }
        };
        let mut body = json!({
            "columns": columns,
            "partition_by": self.partition_by,
            "key": self.key,
            "sort_by": self.sort_by,
            "on_new_columns": self.new_columns,
        });
        if let Some(reason) = self.reason {
            body["reason"] = json!(reason);
        }
        let made = talk.client.put(&["v1", "tables", &self.name], &body).await?;
        talk.tell_details(&made, MADE)
    }
}

fn described(field: &Field) -> Option<Value> {
    let kind = Kind::of(field.data_type())?;
    Some(json!({ "name": field.name(), "type": kind.as_str() }))
}

fn column(text: &str) -> Result<(String, String), String> {
    let parted = text.split_once(':').map(|(name, kind)| (name.trim(), kind.trim()));
    let known = parted.filter(|(_, kind)| Kind::ALL.iter().any(|one| one.as_str() == *kind));
    let types = Kind::ALL.map(Kind::as_str).join(", ");
    let (name, kind) = known.ok_or_else(|| format!("write NAME:TYPE, with a type of {types}"))?;
    Ok((name.to_owned(), kind.to_owned()))
}

fn policy(text: &str) -> Result<NewColumns, String> {
    let is_it = |policy: &NewColumns| policy.as_str().replace('_', "-") == text;
    let found = NewColumns::ALL.into_iter().find(is_it);
    found.ok_or_else(|| "write evolve, freeze or dead-letter".to_owned())
}
