//! `barkeep import`: what there was before, brought into the lake.

mod records;

use std::{path::PathBuf, process::ExitCode};

use chrono::DateTime;
use clap::{Args, Subcommand};

use super::refusal::unfit;
use crate::{
    app::App,
    config::Config,
    files::{self, ColumnMap, FileRequest},
    ingest::{ImportSummary, Importer},
    market::{InstrumentId, ProviderId, RecordKind, Series, Timeframe},
};

/// Files go through the same validation as a provider's answers; running it again adds nothing.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Import {
    #[command(subcommand)]
    records: Option<Records>,
    #[command(flatten)]
    candles: Option<Candles>,
}

#[derive(Debug, Subcommand)]
enum Records {
    /// Decisions, in any of the shapes that POST /v1/ingest/decisions takes.
    Decisions(records::Paths),
    /// Trades and their outcomes, in any of the shapes that POST /v1/ingest/executions takes.
    Executions(records::Paths),
}

/// Candles of one series.
#[derive(Debug, Args)]
struct Candles {
    /// CSV, JSON or Parquet, one row per candle, times being open times.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What was traded, like BTCUSD.
    #[arg(long)]
    asset: InstrumentId,
    /// How long each candle lasts: 1m, 5m, 15m, 1h, 4h or 1d.
    #[arg(long)]
    timeframe: Timeframe,
    /// Whose candles these are, like coinbase or oanda.
    #[arg(long)]
    provider: ProviderId,
    /// Which column means what, like `time=date,volume=volume_btc`; the rest is detected.
    #[arg(long)]
    map: Option<ColumnMap>,
}

impl Import {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        match (self.records, self.candles) {
            (Some(Records::Decisions(paths)), _) => paths.run(RecordKind::Decision, config).await,
            (Some(Records::Executions(paths)), _) => paths.run(RecordKind::Execution, config).await,
            (None, Some(candles)) => candles.run(config).await,
            (None, None) => Err(unfit("nothing is named to import", "name files, or a folder")),
        }
    }
}

impl Candles {
    async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let map = self.map.unwrap_or_default();
        let series =
            Series { provider: self.provider, instrument: self.asset, timeframe: self.timeframe };
        let request = |path, received_at| {
            let (series, map) = (series.clone(), map.clone());
            FileRequest { path, series, map, received_at }
        };
        // All of them, before the first one lands.
        for path in &self.files {
            files::read(&request(path.clone(), DateTime::UNIX_EPOCH), 1_000)?;
        }
        let app = App::start_alone(config).await?;
        let importer = Importer {
            lander: app.lander.clone(),
            books: app.books.clone(),
            store: app.store.clone(),
        };
        for path in self.files {
            let request = request(path, app.clock.now());
            let summary = importer.import(&request).await?;
            print_summary(&request, &summary);
        }
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

fn print_summary(request: &FileRequest, summary: &ImportSummary) {
    println!("{} as {}", request.path.display(), request.series);
    println!(
        "  {} rows: {} landed ({} of them revisions), {} unchanged, {} refused, {} not closed yet",
        summary.rows,
        summary.landed,
        summary.revised,
        summary.unchanged,
        summary.refused,
        summary.unfinished
    );
    if summary.refused > 0 {
        println!("  what was refused is kept: GET /v1/dead-letters?series={}", request.series);
    }
    let Some(span) = summary.span else { return };
    println!("  {span}: {} candles", span.candles(request.series.timeframe));
    for (state, count) in &summary.states {
        println!("    {:15} {count:>9}", state.as_str());
    }
}
