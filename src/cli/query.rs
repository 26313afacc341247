//! `barkeep query`: a question in SQL, its answer as a table, a stream or a file.

use std::{
    io::{self, ErrorKind, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::{
    given::{instant, written},
    output::grid,
    partial::Partial,
    refusal::unfit,
    remote::{Remote, Talk},
};
use crate::{config::Config, formats::Format};

/// Tables are `bronze.raw_market_data_1m` and the like, and `system.gaps` and the like; `show tables`
/// lists them.
#[derive(Debug, Args)]
pub(super) struct Ask {
    #[command(flatten)]
    remote: Remote,
    /// One statement that selects; `-` reads it from standard input.
    #[arg(value_name = "QUERY")]
    query: String,
    /// What was known then: a date is its midnight in UTC.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    as_of: Option<DateTime<Utc>>,
    /// A table as of an earlier version, like `raw_market_data_1m=12`.
    #[arg(long, value_name = "TABLE=VERSION", value_delimiter = ',', value_parser = version)]
    table_version: Vec<(String, u64)>,
    /// json, ndjson, csv, arrow or parquet; otherwise a table for people, or what the name of the
    /// output says.
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// A file to write to. It is there once the answer is whole.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const PATH: [&str; 2] = ["v1", "sql"];

impl Ask {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let body = self.body()?;
        match (&self.output, self.wanted(&talk)?) {
            (None, None) => show(&talk, &body).await?,
            (None, Some(format)) => {
                let out = io::stdout();
                let is_text = !matches!(format, Format::Arrow | Format::Parquet);
                if !is_text && out.is_terminal() {
                    let what = format!("{} is not for a terminal", format.as_str());
                    return Err(unfit(what, "add --output FILE, or pipe it somewhere"));
                }
                let mut out = Pipe(out);
                download(&talk, &body, format, &mut out).await?;
            }
            (Some(path), format) => save(&talk, &body, format.unwrap_or(Format::Csv), path).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn body(&self) -> anyhow::Result<Value> {
        let mut query = self.query.clone();
        if query == "-" {
            query.clear();
            io::stdin().read_to_string(&mut query).context("standard input cannot be read")?;
        }
        let mut body = json!({ "query": query });
        if let Some(as_of) = self.as_of {
            body["as_of"] = written(as_of).into();
        }
        if !self.table_version.is_empty() {
            body["table_versions"] = self.table_version.iter().cloned().collect();
        }
        Ok(body)
    }

    /// `None` for a table that people read.
    fn wanted(&self, talk: &Talk) -> anyhow::Result<Option<Format>> {
        if self.format.is_some() {
            return Ok(self.format);
        }
        let Some(path) = &self.output else { return Ok(talk.is_json.then_some(Format::Json)) };
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match format(ending) {
            Ok(format) => Ok(Some(format)),
            Err(names) => Err(unfit(
                format!("{} does not say in which form it is to be", path.display()),
                format!("add --format; {names}"),
            )),
        }
    }
}

async fn show(talk: &Talk, body: &Value) -> anyhow::Result<()> {
    let answer = talk.client.post(&PATH, body).await?;
    let columns = answer.value["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = answer.value["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_number = |kind: &str| kind.contains("Int") || kind.starts_with("Float");
    let columns: Vec<_> = columns
        .iter()
        .map(|column| {
            let text = |member| column[member].as_str().unwrap_or_default();
            (text("name"), is_number(text("type")))
        })
        .collect();
    talk.tell(&answer, |_| grid(&columns, rows))?;
    Ok(())
}

async fn download(
    talk: &Talk,
    body: &Value,
    format: Format,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let query = [("format", format.as_str().to_owned())];
    Ok(talk.client.download(&PATH, &query, body, out).await?)
}

async fn save(talk: &Talk, body: &Value, format: Format, path: &Path) -> anyhow::Result<()> {
    let mut partial = Partial::of(path)?;
    download(talk, body, format, &mut partial.file).await?;
    partial.finish(path)
}

/// Whoever stops reading, like `head`, has had enough.
struct Pipe<W>(W);

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

fn format(name: &str) -> Result<Format, String> {
    Format::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| {
        let names = Format::ALL.map(Format::as_str).join(", ");
        format!("write one of: {names}")
    })
}

fn version(text: &str) -> Result<(String, u64), String> {
    text.split_once('=')
        .and_then(|(table, version)| Some((table.to_owned(), version.parse().ok()?)))
        .filter(|(table, _)| !table.is_empty())
        .ok_or_else(|| "write TABLE=VERSION, like raw_market_data_1m=12".to_owned())
}
