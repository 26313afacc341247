//! `barkeep health`: for whoever starts and watches the daemon, such as a container engine.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;

use super::output::say;
use crate::config::{Config, ServerConfig};

/// A daemon that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let ServerConfig { bind, tls, .. } = &config.server;
    let asked = ask(*bind, tls.is_some()).await;
    let (is_ready, says) = asked.with_context(|| format!("nobody answers at {bind}"))?;
    anyhow::ensure!(is_ready, "the daemon at {bind} is not ready: {}", says.trim());
    say("ready")?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the daemon there can work, and what it says.
async fn ask(bind: SocketAddr, is_tls: bool) -> reqwest::Result<(bool, String)> {
    let mut address = bind;
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { LOOPBACK } else { LOOPBACK_V6 };
        address.set_ip(loopback);
    }
    #[expect(clippy::disallowed_methods, reason = "asks the daemon, not a provider")]
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    // The certificate is for a name, not for this address, and nothing secret is said.
    let client = client.tls_danger_accept_invalid_certs(is_tls).build()?;
    let scheme = if is_tls { "https" } else { "http" };
    let answer = client.get(format!("{scheme}://{address}/readyz")).send().await?;
    Ok((answer.status().is_success(), answer.text().await?))
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
