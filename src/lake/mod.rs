//! The Delta tables: what is written is there for good, once, and in one place.

mod bounds;
mod candles;
mod commit;
mod compact;
mod encoding;
mod error;
mod files;
mod history;
mod indicators;
mod leftovers;
mod log;
mod managed;
mod news;
mod order;
mod query;
mod record;
mod records;
mod shape;
mod storage;
mod table;
mod upkeep;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use futures::future::BoxFuture;

use self::storage::Storage;
pub use self::{
    candles::{
        Append, CandleTable, Examined, Fault, LandedCandle, ROW_INVARIANTS, RowInvariant, Rows,
    },
    compact::Compaction,
    error::LakeError,
    history::{Change, Content},
    indicators::{IndicatorTable, LandedObservation, RevisedObservation},
    leftovers::Amount,
    managed::{Changes, Definition, NewColumns, Rest, Scope, Staged, Written},
    news::{LandedMention, MentionFilter, NewsTable},
    order::runs,
    query::{Past, Pinned},
    record::{BuildRecord, CommitRecord, FeedRecord, LandingRecord, RequestRecord},
    records::{
        DoubledRevision, KnownRevision, RecordFilter, RecordPlace, RecordTable, RevisedRecord,
    },
    table::Table,
    upkeep::{Size, Upkeep},
};
pub use crate::market::{Layer, TableName};
use crate::{
    config::LakeConfig,
    market::{RecordKind, Timeframe},
    telemetry::Metrics,
};

/// The tables of bronze, which are always there, and those that are made of them.
#[derive(Debug, Clone)]
pub struct Lake {
    candles: BTreeMap<Timeframe, Arc<CandleTable>>,
    news: Arc<NewsTable>,
    indicators: Arc<IndicatorTable>,
    records: BTreeMap<RecordKind, Arc<RecordTable>>,
    /// By name.
    managed: Arc<RwLock<BTreeMap<String, Arc<Table>>>>,
    ground: Arc<Ground>,
}

/// What every table stands on.
#[derive(Debug)]
struct Ground {
    storage: Storage,
    config: LakeConfig,
    metrics: Metrics,
}

impl Lake {
    /// Opens every table below the configured folder, creating what is not there yet.
    pub async fn open(config: &LakeConfig, metrics: &Metrics) -> Result<Self, LakeError> {
        let storage = Storage::open(config).await?;
        let ground = Ground { storage, config: config.clone(), metrics: metrics.clone() };
        let mut candles = BTreeMap::new();
        for timeframe in Timeframe::ALL {
            let table = CandleTable::open(timeframe, &ground).await?;
            candles.insert(timeframe, Arc::new(table));
        }
        let news = Arc::new(NewsTable::open(&ground).await?);
        let indicators = Arc::new(IndicatorTable::open(&ground).await?);
        let mut records = BTreeMap::new();
        for kind in RecordKind::ALL {
            records.insert(kind, Arc::new(RecordTable::open(kind, &ground).await?));
        }
        let (managed, ground) = (Arc::default(), Arc::new(ground));
        let lake = Self { candles, news, indicators, records, managed, ground };
        lake.discover().await?;
        Ok(lake)
    }

    /// Says that a lake in a bucket is used with that control store; a folder has a lock for it. Fails
    /// with `Claimed` if it is used with another one.
    pub fn claim<'a>(&'a self, control_store: &'a str) -> BoxFuture<'a, Result<(), LakeError>> {
        Box::pin(self.ground.storage.claim(control_store))
    }

    /// The table of a timeframe's candles.
    pub fn candles(&self, timeframe: Timeframe) -> &Arc<CandleTable> {
        &self.candles[&timeframe]
    }

    /// The tables of candles.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<CandleTable>> {
        self.candles.values()
    }

    /// Every table of bronze, whatever its rows are.
    pub fn bronze(&self) -> impl Iterator<Item = &Arc<Table>> {
        let candles = self.tables().map(|table| table.as_table());
        let records = self.records.values().map(|table| table.as_table());
        candles.chain([self.news.as_table(), self.indicators.as_table()]).chain(records)
    }

    /// Every table that is known here, bronze first.
    pub fn all(&self) -> Vec<Arc<Table>> {
        let managed = self.managed.read().unwrap_or_else(PoisonError::into_inner);
        self.bronze().chain(managed.values()).cloned().collect()
    }

    /// The table of that name, if it is known here: `silver.market_data`, or `raw_market_data_1m` with
    /// or without `bronze.` before it.
    pub fn named(&self, name: &str) -> Option<Arc<Table>> {
        let name: TableName = name.parse().ok()?;
        let managed = self.managed.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |table: &&Arc<Table>| table.name() == name.as_str();
        managed.get(name.as_str()).or_else(|| self.bronze().find(is_it)).cloned()
    }

    pub fn news(&self) -> &Arc<NewsTable> {
        &self.news
    }

    pub fn indicators(&self) -> &Arc<IndicatorTable> {
        &self.indicators
    }

    /// The table of a kind of record.
    pub fn records(&self, kind: RecordKind) -> &Arc<RecordTable> {
        &self.records[&kind]
    }

    /// Where a table of candles lives below the lake's folder.
    pub fn folder(root: &Path, timeframe: Timeframe) -> PathBuf {
        Self::folder_of(root, &TableName::bronze(candles::name_of(timeframe)))
    }

    /// Where the table of that name lives below the lake's folder.
    pub fn folder_of(root: &Path, table: &TableName) -> PathBuf {
        root.join(table.layer.as_str()).join(table.bare())
    }
}
