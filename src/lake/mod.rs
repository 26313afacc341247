//! The Delta tables: what is written is there for good, once, and in one place.

mod candles;
mod commit;
mod compact;
mod encoding;
mod error;
mod history;
mod indicators;
mod leftovers;
mod log;
mod news;
mod query;
mod record;
mod shape;
mod storage;
mod table;
mod upkeep;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
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
    news::{LandedMention, MentionFilter, NewsTable},
    query::{Past, Pinned},
    record::{CommitRecord, FeedRecord, LandingRecord},
    table::Table,
    upkeep::{Size, Upkeep},
};
use crate::{config::LakeConfig, market::Timeframe, telemetry::Metrics};

/// The bronze tables.
#[derive(Debug, Clone)]
pub struct Lake {
    candles: BTreeMap<Timeframe, Arc<CandleTable>>,
    news: Arc<NewsTable>,
    indicators: Arc<IndicatorTable>,
    storage: Storage,
}

/// What every table stands on.
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
        Ok(Self { candles, news, indicators, storage: ground.storage })
    }

    /// Says that a lake in a bucket is used with that control store; a folder has a lock for it. Fails
    /// with `Claimed` if it is used with another one.
    pub fn claim<'a>(&'a self, control_store: &'a str) -> BoxFuture<'a, Result<(), LakeError>> {
        Box::pin(self.storage.claim(control_store))
    }

    /// The table of a timeframe's candles.
    pub fn candles(&self, timeframe: Timeframe) -> &Arc<CandleTable> {
        &self.candles[&timeframe]
    }

    /// The tables of candles.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<CandleTable>> {
        self.candles.values()
    }

    /// Every table, whatever its rows are.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Table>> {
        let candles = self.tables().map(|table| table.as_table());
        candles.chain([self.news.as_table(), self.indicators.as_table()])
    }

    /// The table of that name.
    pub fn named(&self, name: &str) -> Option<&Arc<Table>> {
        self.all().find(|table| table.name() == name)
    }

    pub fn news(&self) -> &Arc<NewsTable> {
        &self.news
    }

    pub fn indicators(&self) -> &Arc<IndicatorTable> {
        &self.indicators
    }

    /// Where a table of candles lives below the lake's folder.
    pub fn folder(root: &Path, timeframe: Timeframe) -> PathBuf {
        Self::folder_of(root, candles::name_of(timeframe))
    }

    /// Where the table of that name lives below the lake's folder.
    pub fn folder_of(root: &Path, table: &str) -> PathBuf {
        root.join("bronze").join(table)
    }
}
