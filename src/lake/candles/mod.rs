//! The tables of candles, one per timeframe.

mod columns;
mod examine;
mod files;
mod footers;
mod read;

use std::{ops::Deref, sync::Arc};

use self::footers::Footers;
pub use self::{
    examine::{Examined, Fault, ROW_INVARIANTS, RowInvariant},
    read::LandedCandle,
};
use super::{CommitRecord, Ground, LakeError, LandingRecord, Table};
use crate::{market::Timeframe, quality::ValidBatch};

/// Rows of one answer, and which revision of its candle each is; 0 is the first.
#[derive(Debug)]
pub struct Rows {
    pub batch: ValidBatch,
    pub revisions: Vec<i32>,
}

/// What one series adds to a commit. The rows are in order of time.
#[derive(Debug)]
pub struct Append {
    pub record: LandingRecord,
    pub rows: Vec<Rows>,
}

/// A table of candles of one timeframe.
#[derive(Debug)]
pub struct CandleTable {
    timeframe: Timeframe,
    table: Arc<Table>,
    footers: Footers,
}

impl CandleTable {
    pub(super) async fn open(timeframe: Timeframe, ground: &Ground) -> Result<Self, LakeError> {
        let table = Table::open(columns::shape(name_of(timeframe)).shape(), ground).await?;
        Ok(Self { timeframe, table: Arc::new(table), footers: Footers::default() })
    }

    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The table, whatever its rows are.
    pub fn as_table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Writes the rows of all `landings`, at most one per series, in one commit; returns its
    /// version.
    ///
    /// The caller knows every commit up to `version()`. If somebody else has committed since, the
    /// answer is `MovedOn`, nothing has been written, and the caller must catch up first.
    pub async fn append(&self, landings: impl AsRef<[Append]> + Send) -> Result<u64, LakeError> {
        let landings = landings.as_ref();
        let batches = columns::batches(self.timeframe, landings);
        let batches = batches.map_err(|source| self.arrow(source))?;
        let landings = landings.iter().map(|landing| landing.record.clone()).collect();
        self.append_batches(batches, &CommitRecord::of_landings(landings)).await
    }
}

impl Deref for CandleTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

pub(super) const fn name_of(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "raw_market_data_1m",
        Timeframe::M5 => "raw_market_data_5m",
        Timeframe::M15 => "raw_market_data_15m",
        Timeframe::H1 => "raw_market_data_1h",
        Timeframe::H4 => "raw_market_data_4h",
        Timeframe::D1 => "raw_market_data_1d",
    }
}
