//! `[lineage]`: who is told which table was made of which.

use secrecy::SecretString;
use url::Url;

use super::reader::Reader;

#[derive(Debug, Clone)]
pub struct LineageConfig {
    /// Where events are sent; nowhere without one.
    pub url: Option<Url>,
    pub namespace: String,
    pub api_key: Option<SecretString>,
}

pub(super) fn lineage(read: &mut Reader) -> LineageConfig {
    let is_url = |given: &String| given.is_empty() || parsed(given).is_some();
    let url: String =
        read.get_if("lineage.url", "use a URL like http://marquez:5000/api/v1/lineage", is_url);
    let is_name = |given: &String| !given.trim().is_empty();
    LineageConfig {
        url: parsed(&url),
        namespace: read.get_if("lineage.namespace", "give it a name", is_name),
        api_key: read.secret("lineage.api_key"),
    }
}

fn parsed(given: &str) -> Option<Url> {
    Url::parse(given).ok().filter(|url| ["http", "https"].contains(&url.scheme()))
}
