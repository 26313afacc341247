//! What each commit carries besides rows: the facts it establishes, to redo the control store by.

use std::collections::BTreeMap;

use deltalake::kernel::Transaction;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::log::lines;
use crate::market::{Fact, Feed, Run, Series, Window};

/// The key in a commit's metadata.
pub(super) const METADATA_KEY: &str = "barkeep";

/// The part of one commit that concerns one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LandingRecord {
    pub series: Series,
    /// Counts the landings of the series; equal to its Delta `txn` version.
    pub landing: i64,
    /// The run that landed it; also in every row.
    pub ingestion_id: Uuid,
    /// Start and end in microseconds since 1970, and what is now known of the candles between.
    facts: Vec<(i64, i64, Fact)>,
}

/// The part of one commit that concerns one feed. What its rows say, they say themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedRecord {
    pub feed: Feed,
    /// Counts the landings of the feed; equal to its Delta `txn` version.
    pub landing: i64,
    /// The run that landed it; also in every row.
    pub ingestion_id: Uuid,
}

/// Everything a commit establishes. `group` is unique, so that a writer recognises its own commit
/// after an answer that got lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitRecord {
    pub group: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub landings: Vec<LandingRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feeds: Vec<FeedRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildRecord>,
    /// A key that whoever asked for the write has given, so that asking again does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
}

/// A write that somebody has asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    pub key: String,
    /// Tells what came with the key from something else; equal to its Delta `txn` version.
    pub content: i64,
}

/// What a commit was made of, by a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// As the table is called that it builds.
    pub model: String,
    /// Counts the builds that changed something; equal to its Delta `txn` version.
    pub number: i64,
    /// The run that made it.
    pub run: Uuid,
    /// Which version of each table it has read, by name.
    pub inputs: BTreeMap<String, u64>,
}

impl CommitRecord {
    pub(super) fn of_landings(landings: Vec<LandingRecord>) -> Self {
        Self { landings, ..Self::empty() }
    }

    pub(super) fn of_feed(feed: FeedRecord) -> Self {
        Self { feeds: vec![feed], ..Self::empty() }
    }

    pub fn of_build(build: BuildRecord) -> Self {
        Self { build: Some(build), ..Self::empty() }
    }

    /// Of a write that somebody has asked for, once per `key`.
    pub fn of_request(key: Option<String>) -> Self {
        let request = key.map(|key| RequestRecord { key, content: 1 });
        Self { request, ..Self::empty() }
    }

    /// The same, where the key may not be used again for anything else: `content` is a hash of what
    /// was asked, above zero.
    pub fn of_content(key: Option<String>, content: i64) -> Self {
        let request = key.map(|key| RequestRecord { key, content });
        Self { request, ..Self::empty() }
    }

    fn empty() -> Self {
        let group = Uuid::now_v7();
        Self { group, landings: Vec::new(), feeds: Vec::new(), build: None, request: None }
    }

    /// One `txn` for each whose rows it carries, for a build and for a request.
    pub(super) fn transactions(&self) -> Vec<Transaction> {
        let series = self.landings.iter().map(|one| (one.series.to_string(), one.landing));
        let feeds = self.feeds.iter().map(|one| (one.feed.to_string(), one.landing));
        let build = self.build.iter().map(|one| (format!("model/{}", one.model), one.number));
        let request = self.request.iter().map(|one| (one.transaction(), one.content));
        let all = series.chain(feeds).chain(build).chain(request);
        all.map(|(name, number)| Transaction::new(name, number)).collect()
    }
}

impl RequestRecord {
    pub(super) fn transaction(&self) -> String {
        format!("request/{}", self.key)
    }
}

impl LandingRecord {
    pub fn new(series: Series, landing: i64, ingestion_id: Uuid, facts: &[Run<Fact>]) -> Self {
        let facts = facts
            .iter()
            .map(|Run { window, value }| {
                (window.start.timestamp_micros(), window.end.timestamp_micros(), *value)
            })
            .collect();
        Self { series, landing, ingestion_id, facts }
    }

    pub fn facts(&self) -> impl Iterator<Item = Run<Fact>> + '_ {
        let at = |micros| chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
        self.facts.iter().map(move |(start, end, fact)| Run {
            window: Window::new(at(*start), at(*end)),
            value: *fact,
        })
    }
}

/// Reads the record out of a commit's JSON lines; `None` for commits that are not landings.
pub(super) fn read(commit: &[u8]) -> Result<Option<CommitRecord>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "commitInfo")]
        info: Option<Info>,
    }
    #[derive(Deserialize)]
    struct Info {
        barkeep: Option<CommitRecord>,
    }
    for line in lines(commit) {
        if let Some(Info { barkeep: Some(record) }) = serde_json::from_slice::<Line>(line)?.info {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
