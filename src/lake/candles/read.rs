//! Reading candles back: the newest revision of each, oldest candle first.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use deltalake::{
    arrow::{
        array::Array,
        datatypes::{Float64Type, Int32Type, Schema, SchemaRef},
    },
    datafusion::{error::DataFusionError, prelude::SessionContext},
    delta_datafusion::DeltaSessionContext,
};
use futures::future::BoxFuture;

use super::{
    super::{
        LakeError,
        query::{Cells, Past, Pinned},
    },
    CandleTable, columns,
};
use crate::market::{Candle, Series, Window};

/// A candle as it stands in the lake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LandedCandle {
    pub candle: Candle,
    /// 0 when the provider never changed it.
    pub revision: i32,
    /// When this revision was received.
    pub extracted_at: DateTime<Utc>,
    pub is_derived: bool,
    pub is_mock: bool,
}

impl CandleTable {
    /// The candles of one series that open inside `window`.
    pub async fn candles(
        &self,
        series: &Series,
        window: Window,
    ) -> Result<Vec<LandedCandle>, LakeError> {
        let newest = self.pin(Past::default()).await?;
        self.past_candles(series, window, &newest).await
    }

    /// The candles of `window` as they were: of each the newest revision there was.
    pub fn past_candles<'a>(
        &'a self,
        series: &'a Series,
        window: Window,
        past: &'a Pinned,
    ) -> BoxFuture<'a, Result<Vec<LandedCandle>, LakeError>> {
        Box::pin(async move {
            let rows = self.past_rows(series, window, past).await;
            let mut candles = match (rows, past.version()) {
                // Its files went while they were read.
                (Err(error), Some(version)) => return Err(self.gone_or(version, error).await),
                (rows, _) => rows?,
            };
            candles.sort_by_key(|landed| (landed.candle.open_time, landed.revision));
            candles.dedup_by(|newer, older| {
                let same = newer.candle.open_time == older.candle.open_time;
                if same {
                    std::mem::swap(newer, older);
                }
                same
            });
            Ok(candles)
        })
    }

    async fn past_rows(
        &self,
        series: &Series,
        window: Window,
        past: &Pinned,
    ) -> Result<Vec<LandedCandle>, LakeError> {
        if window.is_empty() {
            return Ok(Vec::new());
        }
        let table = past.table.clone().unwrap_or_else(|| self.snapshot());
        let mut candles = Vec::new();
        for rows in self.rows_of(&table, series, window, &SCHEMA).await? {
            read(&Cells(&rows), &mut candles).ok_or_else(|| self.unreadable())?;
        }
        if let Some(known_at) = past.known_at {
            candles.retain(|landed| landed.extracted_at <= known_at);
        }
        Ok(candles)
    }

    /// The stretches of consecutive candles that each series has, from the rows themselves.
    ///
    /// Reads the whole table: only for when the control store is lost.
    pub async fn landed_runs(&self) -> Result<Vec<(Series, Window)>, LakeError> {
        let context = DeltaSessionContext::default().into_inner();
        let rows = self.rows_now().await?;
        context.register_table("candles", rows).map_err(|error| self.query(error))?;
        self.runs(&context).await
    }

    /// The same of a table `candles`.
    pub(super) async fn runs(
        &self,
        context: &SessionContext,
    ) -> Result<Vec<(Series, Window)>, LakeError> {
        let sql = format!(
            "with numbered as (select asset_pair, source_provider, timestamp, \
             to_unixtime(timestamp) / {step} - row_number() over \
             (partition by asset_pair, source_provider order by timestamp) as run \
             from (select distinct asset_pair, source_provider, timestamp from candles)) \
             select cast(asset_pair as varchar) as asset, \
             cast(source_provider as varchar) as provider, \
             min(timestamp) as first, max(timestamp) as last from numbered \
             group by asset_pair, source_provider, run order by asset_pair, source_provider, first",
            step = self.timeframe.seconds()
        );
        let runs = context.sql(&sql).await.map_err(|error| self.query(error))?;
        self.read(runs, |cells, runs| self.read_runs(cells, runs)).await
    }

    /// How many rows repeat the key and revision of another one; anything but zero is a fault.
    pub fn duplicates(&self) -> BoxFuture<'_, Result<usize, LakeError>> {
        Box::pin(async move {
            let failed = |source: DataFusionError| self.query(source);
            let context = DeltaSessionContext::default().into_inner();
            context.register_table("candles", self.rows_now().await?).map_err(failed)?;
            let sql = "select asset_pair, source_provider, timestamp, revision from candles \
                   group by asset_pair, source_provider, timestamp, revision having count(*) > 1";
            let repeated = context.sql(sql).await.map_err(failed)?;
            repeated.count().await.map_err(failed)
        })
    }

    fn read_runs(&self, cells: &Cells<'_>, into: &mut Vec<(Series, Window)>) -> Option<()> {
        let (assets, providers) = (cells.text("asset")?, cells.text("provider")?);
        let (first, last) = (cells.instants("first")?, cells.instants("last")?);
        for row in 0..cells.rows() {
            let series = self.series(providers.value(row), assets.value(row))?;
            let end = last(row) + self.timeframe.duration();
            into.push((series, Window::new(first(row), end)));
        }
        Some(())
    }

    /// The series that rows of that provider and asset are of.
    pub(super) fn series(&self, provider: &str, asset: &str) -> Option<Series> {
        let (provider, instrument) = (provider.parse().ok()?, asset.parse().ok()?);
        Some(Series { provider, instrument, timeframe: self.timeframe })
    }
}

/// What a candle is read from.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let all = columns::shape("").schema();
    let columns = all.fields().iter().filter(|field| COLUMNS.contains(&field.name().as_str()));
    Arc::new(Schema::new(columns.cloned().collect::<Vec<_>>()))
});

const COLUMNS: [&str; 10] = [
    "timestamp",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "revision",
    "_extracted_at",
    "is_derived",
    "is_mock",
];

fn read(cells: &Cells<'_>, into: &mut Vec<LandedCandle>) -> Option<()> {
    let float = |name| cells.numbers::<Float64Type>(name);
    let (opened, extracted) = (cells.instants("timestamp")?, cells.instants("_extracted_at")?);
    let (open, high, low, close) = (float("open")?, float("high")?, float("low")?, float("close")?);
    let volume = float("volume")?;
    let revision = cells.numbers::<Int32Type>("revision")?;
    let (derived, mock) = (cells.flags("is_derived")?, cells.flags("is_mock")?);
    into.extend((0..cells.rows()).map(|row| LandedCandle {
        candle: Candle {
            open_time: opened(row),
            open: open.value(row),
            high: high.value(row),
            low: low.value(row),
            close: close.value(row),
            volume: volume.is_valid(row).then(|| volume.value(row)),
        },
        revision: revision.value(row),
        extracted_at: extracted(row),
        is_derived: derived.value(row),
        is_mock: mock.value(row),
    }));
    Some(())
}
