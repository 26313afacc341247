//! The `barkeep` command.

use std::process::ExitCode;

use barkeep::cli::Cli;
use clap::Parser;

fn main() -> ExitCode {
    // Two TLS back ends are linked in, so the default must be chosen by hand; a second choice
    // would only repeat it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli.run()));
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
