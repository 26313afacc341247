//! What is collected besides candles, and what a job or a dead letter is about.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Indicator, InstrumentId, ParseError, ProviderId, RecordKind, Series, TableName};

/// Something that a provider publishes at times of its own: articles about one asset, or one
/// macroeconomic indicator. Written `alpha_vantage/news/BTCUSD` or `alpha_vantage/macro/CPI`, which
/// is also its id in Delta, the store and the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Feed {
    News(InstrumentId),
    Macro(Indicator),
}

const PROVIDER: &str = Feed::PROVIDER;

impl Feed {
    /// The only provider that has feeds.
    pub const PROVIDER: &str = "alpha_vantage";

    pub const KINDS: [&str; 2] = ["news", "macro"];

    pub fn provider(&self) -> ProviderId {
        ProviderId::from_static(Self::PROVIDER)
    }

    /// `news` or `macro`; also the metric label.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::News(_) => Self::KINDS[0],
            Self::Macro(_) => Self::KINDS[1],
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROVIDER}/{}/", self.kind())?;
        match self {
            Self::News(asset) => asset.fmt(f),
            Self::Macro(indicator) => indicator.fmt(f),
        }
    }
}

impl FromStr for Feed {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        match given.split('/').collect::<Vec<_>>()[..] {
            [PROVIDER, "news", asset] => asset.parse().map(Self::News),
            [PROVIDER, "macro", indicator] => indicator.parse().map(Self::Macro),
            _ => Err(ParseError {
                what: "feed",
                given: given.to_owned(),
                fix: "write alpha_vantage/news/BTCUSD or alpha_vantage/macro/CPI",
            }),
        }
    }
}

impl TryFrom<String> for Feed {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<Feed> for String {
    fn from(feed: Feed) -> Self {
        feed.to_string()
    }
}

/// A series, a feed or a table, by its name. No name is of two kinds: `news` is an asset, but what
/// follows it is no timeframe, and a table's has no slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    Series(Series),
    Feed(Feed),
    /// One of the users' own.
    Table(TableName),
    Records(RecordKind),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Series(series) => series.fmt(f),
            Self::Feed(feed) => feed.fmt(f),
            Self::Table(table) => table.fmt(f),
            Self::Records(kind) => kind.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        if given.starts_with("user.") {
            return given.parse().map(Self::Table);
        }
        let feed = given.parse().map(Self::Feed);
        let records = || given.parse().map(Self::Records);
        feed.or_else(|_| records()).or_else(|_: ParseError| given.parse().map(Self::Series))
    }
}

impl From<&Series> for Subject {
    fn from(series: &Series) -> Self {
        Self::Series(series.clone())
    }
}

impl TryFrom<String> for Subject {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl From<&TableName> for Subject {
    fn from(table: &TableName) -> Self {
        Self::Table(table.clone())
    }
}

impl From<&Feed> for Subject {
    fn from(feed: &Feed) -> Self {
        Self::Feed(feed.clone())
    }
}

impl From<RecordKind> for Subject {
    fn from(kind: RecordKind) -> Self {
        Self::Records(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_back_what_it_writes() {
        for name in [
            "coinbase/BTCUSD/1m",
            "alpha_vantage/news/BTCUSD",
            "alpha_vantage/macro/CPI",
            "user.prices",
            "raw_ai_decisions",
        ] {
            let subject: Subject = name.parse().unwrap();
            assert_eq!(subject.to_string(), name);
            assert_eq!(serde_json::to_value(&subject).unwrap(), name);
            assert_eq!(matches!(subject, Subject::Series(_)), name.starts_with("coinbase"));
        }
        for bad in ["", "news/BTCUSD", "coinbase/news/BTCUSD", "alpha_vantage/macro/MOOD", "a/b/c"]
        {
            assert!(bad.parse::<Subject>().is_err(), "{bad:?}");
        }
    }
}
