//! The names under which the daemon answers where no key is asked for.
//!
//! A page of any site can have its own name point at 127.0.0.1 and then read what answers there
//! (DNS rebinding). Its requests carry that name, and that is how they are told from others.

use std::net::IpAddr;

/// Loopback by any name, and what the operator adds.
#[derive(Debug)]
pub struct Hosts {
    also: Vec<String>,
}

impl Hosts {
    /// The names come without a port, in any case.
    pub fn new(also: &[String]) -> Self {
        Self { also: also.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// Whether a `Host` header, with any port or none, names this machine.
    pub fn is_ours(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_loopback = name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        is_loopback || name == "localhost" || self.also.contains(&name)
    }
}

/// A host without its port, an IPv6 address also without its brackets.
fn name_of(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(address) => {
            let (address, rest) = address.split_once(']')?;
            address.contains(':').then_some((address, rest))?
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = rest.strip_prefix(':');
    let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit());
    (rest.is_empty() || port.is_some_and(is_port)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ours_by_any_name_and_port() {
        let hosts = Hosts::new(&["Bars.Example".to_owned()]);
        for host in [
            "localhost",
            "LOCALHOST:8380",
            "localhost.",
            "127.0.0.1",
            "127.0.0.1:8380",
            "127.255.3.4:1",
            "[::1]",
            "[::1]:8380",
            "bars.example",
            "BARS.example:443",
        ] {
            assert!(hosts.is_ours(host), "{host}");
        }
        for host in [
            "",
            ":8380",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8380",
            "evil.example:127.0.0.1",
            "localhost:80:evil.example",
            "localhost@evil.example",
            "0.0.0.0:8380",
            "10.0.0.1",
            "[::1",
            "[::1]evil.example",
            "[::]:8380",
            "[localhost]",
            "www.bars.example",
        ] {
            assert!(!hosts.is_ours(host), "{host}");
        }
    }
}
