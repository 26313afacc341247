//! `barkeep health`: for whoever starts and watches the daemon, such as a container engine.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;

use crate::config::Config;

/// A daemon that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let bind = config.server.bind;
    let (is_ready, says) = ask(bind).await.with_context(|| format!("nobody answers at {bind}"))?;
    anyhow::ensure!(is_ready, "the daemon at {bind} is not ready: {}", says.trim());
    println!("ready");
    Ok(ExitCode::SUCCESS)
}

/// Whether the daemon there can work, and what it says.
async fn ask(bind: SocketAddr) -> reqwest::Result<(bool, String)> {
    #[expect(clippy::disallowed_methods, reason = "asks the daemon, not a provider")]
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client.get(format!("http://{bind}/readyz")).send().await?;
    Ok((answer.status().is_success(), answer.text().await?))
}
