//! The commands. Each is a thin layer over the modules that do the work.

mod asking;
mod assets;
mod backfill;
mod backfills;
mod completions;
mod config;
mod confirm;
mod dead_letters;
mod demo;
mod diff;
mod features;
mod gaps;
mod given;
mod health;
mod import;
mod jobs;
mod keys;
mod migrate;
mod models;
mod output;
mod partial;
mod providers;
mod quality;
mod query;
mod refusal;
mod remote;
mod schedules;
mod series;
mod serve;
mod simulate_exchange;
mod status;
mod tables;
mod verify;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use futures::future::BoxFuture;

use crate::config::Config;

/// Keeps market bars: candles from providers into a Delta lake, exactly once.
#[derive(Debug, Parser)]
#[command(name = "barkeep", version, propagate_version = true)]
#[command(after_help = refusal::EXIT_CODES)]
pub struct Cli {
    /// Settings over the compiled-in defaults; the environment (`BARKEEP__SECTION__KEY`) wins.
    #[arg(long, global = true, value_name = "FILE", env = "BARKEEP_CONFIG", display_order = 900)]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: ingest what is configured, answer over HTTP.
    Serve,
    /// Run the daemon against simulated providers, with time sped up. Needs no network.
    Demo(demo::Demo),
    /// Run only the simulated exchange, which speaks for Coinbase, Oanda and Alpha Vantage.
    SimulateExchange(simulate_exchange::SimulateExchange),
    /// Bring CSV, JSON or Parquet files of candles into the lake.
    Import(import::Import),
    /// Ask providers what they are like: credentials, clock, symbols, history.
    Providers(providers::Providers),
    /// Ask the daemon that runs with these settings whether it can work; fails if not.
    Health,
    /// Bring the control store's schema up to date, or see whether it is.
    Migrate(migrate::Migrate),
    #[command(flatten)]
    Asking(asking::Asking),
    /// Print a script that completes this command in a shell.
    Completions(completions::Completions),
    /// Make, list and revoke the API keys that auth.mode = "keys" asks for.
    Keys(keys::Keys),
    /// Check the settings and print those in effect.
    Config(config::Show),
}

impl Cli {
    /// Runs the command to its end. Errors come with their causes.
    pub fn run(self) -> BoxFuture<'static, anyhow::Result<ExitCode>> {
        Box::pin(async move {
            if let Command::Completions(completions) = &self.command {
                return completions.run();
            }
            let config = Config::load(self.config.as_deref())?;
            crate::telemetry::init_logging(&config.log)
                .map_err(|error| anyhow::anyhow!("log.filter: {error}"))?;
            match self.command {
                Command::Serve => serve::run(config).await,
                Command::Demo(demo) => demo.run(config).await,
                Command::SimulateExchange(exchange) => exchange.run(&config).await,
                Command::Import(import) => import.run(config).await,
                Command::Providers(providers) => providers.run(config).await,
                Command::Health => health::run(&config).await,
                Command::Migrate(migrate) => migrate.run(config).await,
                Command::Asking(asking) => Ok(asking.run(&config).await),
                Command::Completions(completions) => completions.run(),
                Command::Keys(keys) => keys.run(config).await,
                Command::Config(show) => show.run(&config),
            }
        })
    }
}

/// Resolves at the first Ctrl-C or SIGTERM after the call, even one before it is awaited.
fn interrupted() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async {
        let [Ok(mut interrupted), Ok(mut terminated)] = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    }
}
