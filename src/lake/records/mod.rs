//! The tables of records: decisions and executions, one row per revision.

mod columns;
mod read;

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use deltalake::datafusion::prelude::{col, lit};
use futures::future::BoxFuture;
use uuid::Uuid;

use self::columns::batch;
pub use self::read::{DoubledRevision, RecordFilter, RecordPlace};
use super::{CommitRecord, Ground, LakeError, Table, query::Cells};
use crate::market::{Record, RecordKey, RecordKind};

/// A record, and which revision of its key it is; 0 is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisedRecord {
    pub record: Record,
    /// The whole document as it came.
    pub raw: String,
    pub revision: i32,
    /// When this revision was received.
    pub extracted_at: DateTime<Utc>,
    /// How it came: a route or the name of a file.
    pub source: String,
}

/// A revision that is in the lake, as far as it matters to who brings another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRevision {
    pub revision: i32,
    pub raw: String,
    pub extracted_at: DateTime<Utc>,
}

/// Key: `decision_id`, or `trade_id` and `status`; and `revision`.
#[derive(Debug)]
pub struct RecordTable {
    kind: RecordKind,
    table: Arc<Table>,
}

impl RecordTable {
    pub(super) async fn open(kind: RecordKind, ground: &Ground) -> Result<Self, LakeError> {
        let table = Table::open(columns::shape(kind).shape(), ground).await?;
        Ok(Self { kind, table: Arc::new(table) })
    }

    pub const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The table, whatever its rows are.
    pub fn as_table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Appends records of its kind in one commit; returns the version. Fails with `MovedOn` if somebody
    /// else has committed since `version()`; nothing has been written then.
    pub async fn append(&self, rows: &[RevisedRecord], run: Uuid) -> Result<u64, LakeError> {
        let mut files: BTreeMap<(NaiveDate, &str), Vec<&RevisedRecord>> = BTreeMap::new();
        for row in rows {
            let platform = match &row.record {
                Record::Decision(_) => "",
                Record::Execution(trade) => &*trade.platform,
            };
            files.entry((month(row.record.at()), platform)).or_default().push(row);
        }
        let mut batches = Vec::new();
        for (file, rows) in files {
            let batch = batch(self.kind, &rows, run).map_err(|source| self.arrow(source))?;
            batches.push((columns::partition(self.kind, file), batch));
        }
        self.append_batches(batches, &CommitRecord::of_request(None)).await
    }

    /// Every revision of these ids that has landed, by key.
    pub fn known<'a>(
        &'a self,
        ids: impl Iterator<Item = &'a str> + Send + 'a,
    ) -> BoxFuture<'a, Result<BTreeMap<RecordKey, Vec<KnownRevision>>, LakeError>> {
        Box::pin(async move {
            let wanted = col(columns::id(self.kind)).in_list(ids.map(lit).collect(), false);
            let mut names = columns::key(self.kind).to_vec();
            names.extend(["revision", "raw", "_extracted_at"]);
            let rows = self.scan().await?.filter(wanted);
            let rows = rows.and_then(|rows| rows.select_columns(&names));
            let rows = rows.map_err(|error| self.query(error))?;
            let read = |cells: &Cells<'_>, into: &mut Vec<_>| read::known(self.kind, cells, into);
            let mut known: BTreeMap<RecordKey, Vec<KnownRevision>> = BTreeMap::new();
            for (key, revision) in self.read(rows, read).await? {
                known.entry(key).or_default().push(revision);
            }
            Ok(known)
        })
    }
}

impl Deref for RecordTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

/// The partition of an instant: the first day of its month.
fn month(at: DateTime<Utc>) -> NaiveDate {
    NaiveDate::from_ymd_opt(at.year(), at.month(), 1).unwrap_or_default()
}
