//! The Delta tables: what is written is there for good, once, and in one place.

mod columns;
mod commit;
mod compact;
mod encoding;
mod error;
mod read;
mod record;
mod table;

use std::{collections::BTreeMap, path::Path, sync::Arc};

pub use self::{
    commit::{Append, Rows},
    compact::Compaction,
    error::LakeError,
    read::LandedCandle,
    record::{CommitRecord, LandingRecord},
    table::Table,
};
use crate::{config::LakeConfig, market::Timeframe, telemetry::Metrics};

/// One bronze table of candles per timeframe, on the local disk.
#[derive(Debug, Clone)]
pub struct Lake {
    tables: BTreeMap<Timeframe, Arc<Table>>,
}

impl Lake {
    /// Opens every table below the configured folder, creating what is not there yet.
    pub async fn open(config: &LakeConfig, metrics: &Metrics) -> Result<Self, LakeError> {
        let mut tables = BTreeMap::new();
        for timeframe in Timeframe::ALL {
            let table = Table::open(timeframe, config, metrics).await?;
            tables.insert(timeframe, Arc::new(table));
        }
        Ok(Self { tables })
    }

    /// The table of a timeframe's candles.
    pub fn candles(&self, timeframe: Timeframe) -> &Arc<Table> {
        &self.tables[&timeframe]
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    /// Where a table of candles lives below the lake's folder.
    pub fn folder(root: &Path, timeframe: Timeframe) -> std::path::PathBuf {
        root.join("bronze").join(Table::name_of(timeframe))
    }
}
