//! What the commits of a table did, as far back as its log reaches.

use chrono::{DateTime, Utc};
use deltalake::DeltaTableError;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde::Deserialize;

use super::{
    CommitRecord, LakeError, Table,
    log::{READ_AT_ONCE, lines},
};
use crate::market::Subject;

/// One commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub version: u64,
    /// By the clock of the machine that committed; `None` if it does not say.
    pub at: Option<DateTime<Utc>>,
    /// As Delta calls it, like `WRITE` or `OPTIMIZE`.
    pub operation: String,
    pub files_added: u64,
    pub files_removed: u64,
    /// Rows that came with it; merging files adds none.
    pub rows: u64,
    pub content: Vec<Content>,
    /// The key of whoever asked for it, if they gave one.
    pub request: Option<String>,
}

/// Whose rows, or facts, a commit carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub subject: Subject,
    /// Counts the landings of a series or feed.
    pub landing: i64,
}

impl Table {
    /// The newest so many commits before version `before`, newest first.
    pub fn history(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Change>, LakeError>> {
        Box::pin(async move {
            let entries = self.listing().await?.entries;
            let older = entries.range(..before.unwrap_or(u64::MAX)).rev().take(limit);
            let log = self.snapshot().log_store();
            let read = |version: u64| {
                let log = log.clone();
                async move { Ok((version, log.read_commit_entry(version).await?)) }
            };
            let read = stream::iter(older.copied()).map(read).buffered(READ_AT_ONCE);
            let read: Vec<_> =
                read.try_collect().await.map_err(|error: DeltaTableError| self.delta(error))?;
            let mut changes = Vec::with_capacity(read.len());
            for (version, entry) in read {
                // One that was removed meanwhile is no longer history.
                let Some(entry) = entry else { continue };
                let change = change(version, &entry).map_err(|error| self.torn(version, &error))?;
                changes.push(change);
            }
            Ok(changes)
        })
    }

    fn torn(&self, version: u64, error: &serde_json::Error) -> LakeError {
        LakeError::LogUnreadable { table: self.named(), version, detail: error.to_string() }
    }
}

/// Reads an entry's lines of JSON.
fn change(version: u64, entry: &[u8]) -> Result<Change, serde_json::Error> {
    let mut change = Change { version, ..Change::default() };
    for line in lines(entry) {
        let line: Line = serde_json::from_slice(line)?;
        if let Some(info) = line.info {
            change.at = info.timestamp.and_then(DateTime::from_timestamp_millis);
            change.operation = info.operation.unwrap_or_default();
            let record = info.barkeep;
            change.request =
                record.as_ref().and_then(|one| one.request.as_ref()).map(|one| one.key.clone());
            change.content = record.map(content).unwrap_or_default();
        }
        if let Some(add) = line.add {
            change.files_added += 1;
            change.rows += if add.data_change { add.rows()? } else { 0 };
        }
        change.files_removed += u64::from(line.remove.is_some());
    }
    Ok(change)
}

fn content(record: CommitRecord) -> Vec<Content> {
    let landings = record.landings.into_iter();
    let landings =
        landings.map(|one| Content { subject: (&one.series).into(), landing: one.landing });
    let feeds = record.feeds.into_iter();
    let feeds = feeds.map(|one| Content { subject: (&one.feed).into(), landing: one.landing });
    landings.chain(feeds).collect()
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "commitInfo")]
    info: Option<Info>,
    add: Option<Added>,
    remove: Option<Removed>,
}

#[derive(Deserialize)]
struct Info {
    timestamp: Option<i64>,
    operation: Option<String>,
    barkeep: Option<CommitRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    data_change: bool,
    /// JSON inside of JSON.
    stats: Option<String>,
}

#[derive(Deserialize)]
struct Removed {}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_records: Option<u64>,
}

impl Added {
    fn rows(&self) -> Result<u64, serde_json::Error> {
        let Some(stats) = &self.stats else { return Ok(0) };
        Ok(serde_json::from_str::<Stats>(stats)?.num_records.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_of_files_brings_no_rows_and_strangers_may_say_little() {
        let merged = br#"{"commitInfo":{"timestamp":1709726430000,"operation":"OPTIMIZE"}}
{"remove":{"path":"a.parquet","dataChange":false}}
{"remove":{"path":"b.parquet","dataChange":false}}
{"add":{"path":"c.parquet","dataChange":false,"stats":"{\"numRecords\":7}"}}
"#;
        let merged = change(3, merged).unwrap();
        let at = "2024-03-06T12:00:30Z".parse().unwrap();
        assert_eq!((merged.version, merged.at, &*merged.operation), (3, Some(at), "OPTIMIZE"));
        assert_eq!((merged.files_added, merged.files_removed, merged.rows), (1, 2, 0));
        let odd = br#"{"add":{"path":"c.parquet","dataChange":true,"stats":"{\"numRecords\":7}"}}"#;
        let odd = change(4, odd).unwrap();
        assert_eq!((odd.at, &*odd.operation, odd.rows), (None, "", 7));
        assert_eq!(odd.content, []);
    }
}
