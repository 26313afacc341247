//! What each commit carries besides rows: the facts it establishes, to redo the control store by.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::market::{Fact, Run, Series, Window};

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

/// Everything a commit establishes. `group` is unique, so that a writer recognises its own commit
/// after an answer that got lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitRecord {
    pub group: Uuid,
    pub landings: Vec<LandingRecord>,
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
    for line in commit.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Some(Info { barkeep: Some(record) }) = serde_json::from_slice::<Line>(line)?.info {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
