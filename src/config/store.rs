//! `[store]`: where the control store is.

use std::{fmt, str::FromStr};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::reader::Reader;

/// `sqlite:FILE`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`. What is secret in it
/// is never shown: it prints as scheme, host, port and database.
#[derive(Clone)]
pub struct StoreUrl {
    whole: SecretString,
    shown: String,
}

/// What a URL may say after the question mark. Another word could be half of a password.
const PARAMETERS: [&str; 10] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];

const FIX: &str = "use sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / ? # \
                   and % in user and password written as %40 %3A %2F %3F %23 %25, and no parameters \
                   but sslmode, sslrootcert, sslcert, sslkey, host, port, dbname, user, password and \
                   options";

impl StoreUrl {
    /// With everything that is secret.
    pub fn whole(&self) -> &SecretString {
        &self.whole
    }

    /// Whether it goes away with the process.
    pub fn is_memory(&self) -> bool {
        self.shown.contains(":memory:")
    }

    /// Otherwise it is SQLite.
    pub fn is_postgres(&self) -> bool {
        self.shown.starts_with("postgres:")
    }
}

/// The text does not say where a store is. It is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("{FIX}")]
pub struct NoStoreUrl;

impl FromStr for StoreUrl {
    type Err = NoStoreUrl;

    fn from_str(text: &str) -> Result<Self, NoStoreUrl> {
        let shown = if text.starts_with("sqlite:") { text.to_owned() } else { server(text)? };
        Ok(Self { whole: text.into(), shown })
    }
}

/// Host, port and database of a PostgreSQL URL that can only be read in one way.
fn server(text: &str) -> Result<String, NoStoreUrl> {
    let url = Url::parse(text).map_err(|_| NoStoreUrl)?;
    let is_known = |key: &str| PARAMETERS.contains(&key);
    let database = url.path().trim_start_matches('/');
    let is_clear = matches!(url.scheme(), "postgres" | "postgresql")
        && url.fragment().is_none()
        && !database.contains(['/', '@', ':'])
        && url.query_pairs().all(|(key, _)| is_known(&key));
    if !is_clear {
        return Err(NoStoreUrl);
    }
    let said = |name: &str| {
        let said = url.query_pairs().filter(|(key, _)| key == name).last();
        said.map(|(_, value)| value.into_owned())
    };
    let host = said("host").or(url.host_str().map(str::to_owned)).unwrap_or_default();
    let port = said("port").or(url.port().map(|port| port.to_string()));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let database = said("dbname").unwrap_or_else(|| database.to_owned());
    Ok(format!("postgres://{host}{port}/{database}"))
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The URL from `store.url` or from the file that `store.url_file` names.
pub(super) fn store_url(read: &mut Reader) -> StoreUrl {
    let text = read.secret("store.url");
    let text = text.as_ref().map_or("", |text| text.expose_secret());
    let url: StoreUrl = text.parse().unwrap_or_else(|error: NoStoreUrl| {
        read.violation("store.url", &error.to_string());
        StoreUrl { whole: String::new().into(), shown: String::new() }
    });
    read.cover("store.url", &url.shown);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        text.parse().ok().map(|url: StoreUrl| format!("{url} {url:?}"))
    }

    #[test]
    fn a_url_is_shown_without_what_is_secret() {
        for (text, expected) in [
            ("sqlite:data/barkeep.db", "sqlite:data/barkeep.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("postgres://me:secret@db.example:5433/bars", "postgres://db.example:5433/bars"),
            ("postgresql://me:se%40cr%2Fet@db/bars?sslmode=require", "postgres://db/bars"),
            ("postgres:///bars?host=/run/pg&user=me&password=secret", "postgres:///run/pg/bars"),
            ("postgres://me:two@secrets@db/bars", "postgres://db/bars"),
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(shown(text).unwrap(), format!("{expected} {expected}"));
            assert_eq!(url.whole().expose_secret(), text);
            assert_eq!(url.is_postgres(), text.starts_with("postgres"));
        }
    }

    /// A password that was not escaped makes other parts of a URL, which would be shown.
    #[test]
    fn what_may_be_half_a_password_is_refused() {
        for text in [
            "",
            "mysql://db/bars",
            "db/bars",
            "postgres://me:12/secret@db/bars",
            "postgres://me:12#secret@db/bars",
            "postgres://me:12?secret@db/bars",
            "postgres://me:pa/ss@db/bars",
            "postgres://db/bars?passwd=secret",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
