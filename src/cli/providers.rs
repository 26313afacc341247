//! `barkeep providers check [NAME]`

use std::{process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};

use super::output::say;
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    ingest::StoredSpending,
    market::ProviderId,
    providers::{
        self, Context,
        doctor::{Checkup, Depth, Doctor},
    },
    store::Store,
    telemetry::Metrics,
};

#[derive(Debug, Args)]
pub(super) struct Providers {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say in plain words what each provider is like. Takes a few requests of its quota, and may
    /// run beside the daemon.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// `alpha_vantage`, `coinbase` or `oanda`; all that are configured if none is named.
    name: Option<ProviderId>,
    /// Everything that an adapter promises, about thirty requests.
    #[arg(long)]
    thorough: bool,
    /// The same as JSON, for programs.
    #[arg(long)]
    json: bool,
}

impl Providers {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let Command::Check(check) = self.command;
        check.run(config).await
    }
}

impl Check {
    async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let clock: Arc<dyn Clock> =
            Arc::new(SystemClock::scaled(config.clock.origin, config.clock.speed));
        // What the daemon has spent of a quota counts here; what is spent here counts there from its
        // next start on.
        let store = Store::visit(&config.store_url).await?;
        let metrics = Metrics::new()?;
        let spend_log = Some(Arc::new(StoredSpending::of_command(&store)) as _);
        let context = Context { clock: &clock, metrics: &metrics, spend_log };
        let providers = providers::Providers::open(&config.providers, &context)?;
        self.is_known(&providers)?;
        let depth = if self.thorough { Depth::Thorough } else { Depth::Brief };
        let mut checkups = Vec::new();
        for provider in providers.iter().filter(|one| self.is_meant(one.id())) {
            let assets = &config.ingest.assets;
            let doctor = Doctor::new(provider, &clock, config.calendars, assets);
            let checkup = doctor.examine(depth).await;
            if !self.json {
                say(&lines(&checkup))?;
            }
            checkups.push(checkup);
        }
        store.close().await;
        if self.json {
            say(&serde_json::to_string_pretty(&checkups)?)?;
        } else if self.name.is_none() {
            for (provider, setting) in providers.lacking() {
                say(&format!(
                    "{provider}\n  not asked: providers.{provider}.{setting} is not set"
                ))?;
            }
        }
        let all_well = checkups.iter().all(Checkup::is_healthy);
        Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn is_meant(&self, provider: &ProviderId) -> bool {
        self.name.as_ref().is_none_or(|name| name == provider)
    }

    fn is_known(&self, providers: &providers::Providers) -> anyhow::Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        if let Some((_, setting)) = providers.lacking().find(|(lacking, _)| *lacking == name) {
            anyhow::bail!(
                "{name} cannot be asked: set providers.{name}.{setting} or \
                 providers.{name}.{setting}_file"
            );
        }
        anyhow::ensure!(
            providers.get(name).is_some(),
            "there is no provider {name:?}; there are alpha_vantage, coinbase and oanda",
            name = name.as_str()
        );
        Ok(())
    }
}

fn lines(checkup: &Checkup) -> String {
    let results = checkup.results.iter().map(|result| {
        let outcome = result.outcome.as_str();
        format!("  {} {outcome:4} {:15} {}", result.id, result.check, result.says)
    });
    let lines: Vec<_> = std::iter::once(checkup.provider.to_string()).chain(results).collect();
    lines.join("\n")
}
