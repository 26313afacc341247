//! `[server]` and `[auth]`: where the control plane answers, whom, and how much.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{positive, reader::Reader, size::Size};

#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub bind: SocketAddr,
    pub request_timeout: Duration,
    /// Names beside those of loopback.
    pub hosts: Vec<String>,
    /// The longest body, in bytes.
    pub max_body: usize,
    /// The longest body of rows for a table, in bytes.
    pub max_rows_body: usize,
    /// Of one caller; 0 for no limit.
    pub requests_per_second: u32,
    pub tls: Option<TlsConfig>,
}

/// PEM files: the chain of certificates, the server's own first, and its private key.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, Copy)]
pub struct AuthConfig {
    pub mode: AuthMode,
    /// `/metrics` needs no key.
    pub open_metrics: bool,
}

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Whoever can reach the daemon, which is therefore on loopback.
    None,
    /// Whoever has an API key.
    Keys,
}

pub(super) fn auth(read: &mut Reader) -> AuthConfig {
    AuthConfig {
        mode: read.one_of("auth.mode", &[("none", AuthMode::None), ("keys", AuthMode::Keys)]),
        open_metrics: read.get("auth.open_metrics"),
    }
}

pub(super) fn server(read: &mut Reader, mode: AuthMode) -> ServerConfig {
    ServerConfig {
        bind: read.get_if(
            "server.bind",
            "without keys only a loopback address is safe, like 127.0.0.1:8380; for any other set \
             auth.mode = \"keys\"",
            |bind: &SocketAddr| mode == AuthMode::Keys || bind.ip().is_loopback(),
        ),
        request_timeout: positive(read, "server.request_timeout"),
        hosts: read.get_if(
            "server.hosts",
            "write names without scheme and port, like barkeep.internal",
            |hosts: &Vec<String>| hosts.iter().all(|host| is_name(host)),
        ),
        max_body: read
            .get_if("server.max_body", "use 1KiB or more", |size: &Size| size.0 >= 1 << 10)
            .0,
        max_rows_body: read
            .get_if("server.max_rows_body", "use 1KiB or more", |size: &Size| size.0 >= 1 << 10)
            .0,
        requests_per_second: read.get("server.requests_per_second"),
        tls: tls(read),
    }
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && !host.contains(['/', '*', ' ']) && (!host.contains(':') || is_ipv6(host))
}

fn is_ipv6(host: &str) -> bool {
    host.parse::<std::net::Ipv6Addr>().is_ok()
}

fn tls(read: &mut Reader) -> Option<TlsConfig> {
    let [certificate, key]: [PathBuf; 2] =
        ["server.tls_cert", "server.tls_key"].map(|path| read.get(path));
    let is_given = |path: &PathBuf| !path.as_os_str().is_empty();
    match (is_given(&certificate), is_given(&key)) {
        (false, false) => None,
        (true, true) => Some(TlsConfig { certificate, key }),
        (is_cert, _) => {
            let path = if is_cert { "server.tls_key" } else { "server.tls_cert" };
            read.violation(path, "give both tls_cert and tls_key, or neither");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::Config;
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let own = |(name, value): &(&str, &str)| (format!("BARKEEP__{name}"), (*value).to_owned());
        let variables: HashMap<_, _> = pairs.iter().map(own).collect();
        Config::from_layers(None, variables).map_err(|error| error.violations)
    }

    #[test]
    fn only_with_keys_is_there_an_address_beyond_loopback() {
        let bind = ("SERVER__BIND", "0.0.0.0:8380");
        let violations = given(&[bind]).unwrap_err();
        assert!(violations[0].contains("set auth.mode = \"keys\""), "{violations:?}");
        let config = given(&[bind, ("AUTH__MODE", "keys")]).unwrap();
        assert_eq!(config.auth.mode, AuthMode::Keys);
        assert!(given(&[("AUTH__MODE", "off")]).is_err());
    }

    #[test]
    fn sizes_names_and_files_are_checked() {
        for (size, bytes) in [("1MiB", 1 << 20), ("64 KiB", 1 << 16), ("5000B", 5_000)] {
            let config = given(&[("SERVER__MAX_BODY", size)]).unwrap();
            assert_eq!(config.server.max_body, bytes);
        }
        for (name, value) in [
            ("SERVER__MAX_BODY", "1MB"),
            ("SERVER__MAX_BODY", "1"),
            ("SERVER__MAX_BODY", "10B"),
            ("SERVER__MAX_BODY", "99999999999GiB"),
            ("SERVER__HOSTS", "http://bars"),
            ("SERVER__HOSTS", "bars:80"),
            ("SERVER__HOSTS", "*"),
            ("SERVER__TLS_CERT", "cert.pem"),
            ("SERVER__TLS_KEY", "key.pem"),
            ("SERVER__REQUESTS_PER_SECOND", "-1"),
        ] {
            let violations = given(&[(name, value)]).unwrap_err();
            assert_eq!(violations.len(), 1, "{name} {value}: {violations:?}");
            assert!(violations[0].starts_with("server."), "{violations:?}");
        }
        let tls = given(&[("SERVER__TLS_CERT", "c.pem"), ("SERVER__TLS_KEY", "k.pem")]).unwrap();
        assert_eq!(tls.server.tls.unwrap().key, PathBuf::from("k.pem"));
    }

    #[test]
    fn t78_what_is_secret_is_covered_where_settings_are_shown() {
        let config = given(&[
            ("STORE__URL", "postgres://me:hunter2@db/bars"),
            ("PROVIDERS__OANDA__TOKEN", "hunter3"),
            ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "12345"),
        ])
        .unwrap();
        let shown = &config.shown;
        assert_eq!(shown["store"]["url"], "postgres://db/bars");
        assert_eq!(shown["providers"]["oanda"]["token"], "***");
        assert_eq!(shown["providers"]["alpha_vantage"]["api_key"], "***");
        assert_eq!(shown["providers"]["coinbase"]["key_secret"], "");
        let whole = format!("{shown} {config:?}");
        assert!(!whole.contains("hunter") && !whole.contains("12345"), "{whole}");
    }
}
