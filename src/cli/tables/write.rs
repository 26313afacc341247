//! `barkeep tables write`: files of rows for a table of one's own.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use bytes::Bytes;
use clap::Args;
use uuid::Uuid;

use super::super::refusal::unfit;
use crate::{
    cli::{
        given::table,
        output::{Column, count, list, text},
        remote::Talk,
    },
    formats::Format,
};

#[derive(Debug, Args)]
pub(super) struct Write {
    /// Like `user.prices`.
    #[arg(value_parser = table)]
    name: String,
    /// .csv, .json, .ndjson, .parquet or .arrow.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whether rows come beside what is there, take the place of rows of the same key, of all, or of
    /// those in the same partitions.
    #[arg(long, value_parser = ["append", "merge", "overwrite", "overwrite-partitions"])]
    mode: String,
    /// Writes nothing if the same file has been written with this key before. Only with one file.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

const WRITTEN: &[Column] = &[
    text("table", "/table"),
    count("version", "/version"),
    text("repeated", "/is_repeated"),
    count("inserted", "/inserted"),
    count("updated", "/updated"),
    count("unchanged", "/unchanged"),
    count("removed", "/removed"),
    count("files replaced", "/files_replaced"),
    list("columns added", "/columns_added"),
    count("dead letters", "/dead_letters"),
];

impl Write {
    /// In the order of the files. The first that is refused is the last.
    pub(super) async fn run(self, talk: &Talk) -> anyhow::Result<ExitCode> {
        if self.idempotency_key.is_some() && self.files.len() > 1 {
            let what = "one key stands for one file".to_owned();
            return Err(unfit(what, "write the files one by one, each with a key of its own"));
        }
        let query = [("mode", self.mode.replace('-', "_"))];
        let path = ["v1", "tables", &self.name, "rows"];
        for file in &self.files {
            let (format, bytes) = contents(file)?;
            let intent = self.idempotency_key.clone();
            let intent = intent.unwrap_or_else(|| Uuid::now_v7().to_string());
            let rows = (format.media_type(), bytes);
            let written = talk.client.upload(&path, &query, rows, &intent).await?;
            if self.files.len() > 1 && !talk.is_json {
                eprintln!("{}", file.display());
            }
            talk.tell_details(&written, WRITTEN)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The form that the name of a file says.
pub(in crate::cli) fn form(path: &Path) -> anyhow::Result<Format> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let ending = if ending == "jsonl" { "ndjson" } else { ending };
    let format = Format::ALL.into_iter().find(|format| format.as_str() == ending);
    format.ok_or_else(|| {
        let what = format!("{} does not say in which form it is", path.display());
        unfit(what, "name it .csv, .json, .ndjson, .parquet or .arrow")
    })
}

/// What is in a file of rows, and the form that its name says.
pub(in crate::cli) fn contents(path: &Path) -> anyhow::Result<(Format, Bytes)> {
    let format = form(path)?;
    let bytes = std::fs::read(path).map_err(|error| {
        unfit(format!("{} cannot be read: {error}", path.display()), "see that it is there")
    })?;
    Ok((format, bytes.into()))
}
