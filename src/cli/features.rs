//! `barkeep features`: a file of moments, with the indicators as they were known then.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, ValueEnum};
use deltalake::arrow::{array::RecordBatch, error::ArrowError, ipc::reader::StreamReader};

use super::{
    output::say,
    partial::Partial,
    refusal::unfit,
    remote::{Remote, Talk},
    tables::write::{contents, form},
};
use crate::{
    config::Config,
    features::{self, KnownBy, MOST},
    formats::{
        Encoder, Format,
        incoming::{self, Further},
    },
    market::Timeframe,
};

/// The file has the columns `asset_pair` and `timestamp`; others go along.
#[derive(Debug, Args)]
pub(super) struct Features {
    #[command(flatten)]
    remote: Remote,
    /// CSV, JSON, NDJSON, Arrow or Parquet, as its name ends.
    #[arg(value_name = "FILE")]
    moments: PathBuf,
    /// Of the candles of this length.
    #[arg(long)]
    timeframe: Timeframe,
    /// When a candle counts as known.
    #[arg(long, value_enum, default_value = "received")]
    known_by: Known,
    /// A file to write to, in the form that its name says. It is there once it is whole.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Known {
    /// From when on it had been received, in the revision of then.
    Received,
    /// From its close on, as it is now: for history that was received later.
    Close,
}

const PATH: [&str; 2] = ["v1", "features"];

impl Features {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let (format, bytes) = contents(&self.moments)?;
        let into = form(&self.output)?;
        let named = |detail: String| unfit(format!("{}: {detail}", self.moments.display()), MEND);
        let read = incoming::read(format, &bytes, &features::columns(), Further::Read);
        let read = read.map_err(|error| named(error.to_string()))?;
        if let Some(fault) = read.faults.first() {
            return Err(named(fault.to_string()));
        }
        let mut partial = Partial::of(&self.output)?;
        let mut encoder: Option<Encoder> = None;
        let rows = read.rows.num_rows();
        // A question without a row tells the columns.
        for start in (0..rows.max(1)).step_by(MOST) {
            let slice = read.rows.slice(start, MOST.min(rows - start));
            for batch in self.ask(&talk, &slice).await? {
                let encoder = match &mut encoder {
                    Some(encoder) => encoder,
                    None => encoder.insert(Encoder::new(into, &batch.schema())?),
                };
                partial.file.write_all(&encoder.write(&batch)?).context("it cannot be written")?;
            }
        }
        if let Some(encoder) = encoder {
            partial.file.write_all(&encoder.finish()?).context("it cannot be written")?;
        }
        partial.finish(&self.output)?;
        say(&format!("{rows} moments: {}", self.output.display()))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn ask(&self, talk: &Talk, moments: &RecordBatch) -> anyhow::Result<Vec<RecordBatch>> {
        let known_by = match self.known_by {
            Known::Received => KnownBy::Received,
            Known::Close => KnownBy::Close,
        };
        let query = [
            ("timeframe", self.timeframe.to_string()),
            ("known_by", known_by.as_str().to_owned()),
            ("format", Format::Arrow.as_str().to_owned()),
        ];
        let mut encoder = Encoder::new(Format::Arrow, &moments.schema())?;
        let mut body = encoder.write(moments)?.to_vec();
        body.extend_from_slice(&encoder.finish()?);
        let rows = (Format::Arrow.media_type(), body.into());
        let answer = talk.client.exchange(&PATH, &query, rows).await?;
        let read = || -> Result<Vec<RecordBatch>, ArrowError> {
            let reader = StreamReader::try_new(&*answer, None)?;
            let empty = RecordBatch::new_empty(reader.schema());
            let mut batches = reader.collect::<Result<Vec<_>, _>>()?;
            if batches.is_empty() {
                batches.push(empty);
            }
            Ok(batches)
        };
        Ok(read().map_err(|error| talk.client.unreadable(error.to_string()))?)
    }
}

const MEND: &str = "give every row an asset_pair and a timestamp";
