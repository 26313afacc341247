//! Reading candles back: the newest revision of each, oldest candle first.

use chrono::{DateTime, Utc};
use deltalake::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, Float64Type, Int32Type, TimestampMicrosecondType},
    },
    datafusion::{
        common::ScalarValue,
        error::DataFusionError,
        logical_expr::Expr,
        prelude::{col, lit},
    },
    delta_datafusion::DeltaSessionContext,
};
use futures::future::BoxFuture;

use super::{LakeError, Table, columns};
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

impl Table {
    /// The candles of one series that open inside `window`.
    pub fn candles<'a>(
        &'a self,
        series: &'a Series,
        window: Window,
    ) -> BoxFuture<'a, Result<Vec<LandedCandle>, LakeError>> {
        Box::pin(async move {
            if window.is_empty() {
                return Ok(Vec::new());
            }
            let mut candles = Vec::new();
            for batch in self.rows(series, window).await? {
                read(&batch, &mut candles).ok_or_else(|| self.unreadable())?;
            }
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

    /// The stretches of consecutive candles that each series has, from the rows themselves.
    ///
    /// Reads the whole table: only for when the control store is lost.
    pub async fn landed_runs(&self) -> Result<Vec<(Series, Window)>, LakeError> {
        let failed = |source: DataFusionError| self.query(source);
        let provider = self.snapshot().table_provider().await.map_err(failed)?;
        let context = DeltaSessionContext::default().into_inner();
        context.register_table("candles", provider).map_err(failed)?;
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
        let batches = context.sql(&sql).await.map_err(failed)?.collect().await.map_err(failed)?;
        let mut runs = Vec::new();
        for batch in batches {
            self.read_runs(&batch, &mut runs).ok_or_else(|| self.unreadable())?;
        }
        Ok(runs)
    }

    /// How many rows repeat the key and revision of another one; anything but zero is a fault.
    pub fn duplicates(&self) -> BoxFuture<'_, Result<usize, LakeError>> {
        Box::pin(async move {
            let failed = |source: DataFusionError| self.query(source);
            let provider = self.snapshot().table_provider().await.map_err(failed)?;
            let context = DeltaSessionContext::default().into_inner();
            context.register_table("candles", provider).map_err(failed)?;
            let sql = "select asset_pair, source_provider, timestamp, revision from candles \
                   group by asset_pair, source_provider, timestamp, revision having count(*) > 1";
            let repeated = context.sql(sql).await.map_err(failed)?;
            repeated.count().await.map_err(failed)
        })
    }

    fn read_runs(&self, batch: &RecordBatch, into: &mut Vec<(Series, Window)>) -> Option<()> {
        let text = |name| {
            let column = cast(batch.column_by_name(name)?, &DataType::Utf8).ok()?;
            Some(column.as_string_opt::<i32>()?.clone())
        };
        let (assets, providers) = (text("asset")?, text("provider")?);
        let time =
            |name| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>();
        let (first, last) = (time("first")?, time("last")?);
        for row in 0..batch.num_rows() {
            let at = |micros| DateTime::from_timestamp_micros(micros);
            let end = at(last.value(row))? + self.timeframe.duration();
            let series = Series {
                provider: providers.value(row).parse().ok()?,
                instrument: assets.value(row).parse().ok()?,
                timeframe: self.timeframe,
            };
            into.push((series, Window::new(at(first.value(row))?, end)));
        }
        Some(())
    }

    fn query(&self, source: DataFusionError) -> LakeError {
        LakeError::Query { table: self.name(), source: Box::new(source) }
    }

    fn unreadable(&self) -> LakeError {
        LakeError::LogUnreadable {
            table: self.name(),
            version: self.version(),
            detail: "a column is missing or of another type".to_owned(),
        }
    }

    async fn rows(&self, series: &Series, window: Window) -> Result<Vec<RecordBatch>, LakeError> {
        let failed = |source: DataFusionError| self.query(source);
        let provider = self.snapshot().table_provider().await.map_err(failed)?;
        let first = columns::partition(self.timeframe, window.start);
        let last = columns::partition(self.timeframe, window.end);
        let time = |at: DateTime<Utc>| {
            let micros = Some(at.timestamp_micros());
            lit(ScalarValue::TimestampMicrosecond(micros, Some("UTC".into())))
        };
        let day = |day| lit(ScalarValue::Date32(Some(columns::days_since_epoch(day))));
        let wanted: Expr = col("asset_pair")
            .eq(lit(series.instrument.as_str()))
            .and(col("source_provider").eq(lit(series.provider.as_str())))
            .and(col("timestamp").gt_eq(time(window.start)))
            .and(col("timestamp").lt(time(window.end)))
            .and(col(columns::PARTITION).between(day(first), day(last)));
        DeltaSessionContext::default()
            .into_inner()
            .read_table(provider)
            .and_then(|table| table.filter(wanted))
            .and_then(|table| table.select_columns(&COLUMNS))
            .map_err(failed)?
            .collect()
            .await
            .map_err(failed)
    }
}

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

fn read(batch: &RecordBatch, into: &mut Vec<LandedCandle>) -> Option<()> {
    let column = |name| batch.column_by_name(name);
    let float = |name| column(name)?.as_primitive_opt::<Float64Type>();
    let time = |name| column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
    let flag = |name| column(name)?.as_boolean_opt();
    let (opened, extracted) = (time("timestamp")?, time("_extracted_at")?);
    let (open, high, low, close) = (float("open")?, float("high")?, float("low")?, float("close")?);
    let volume = float("volume")?;
    let revision = column("revision")?.as_primitive_opt::<Int32Type>()?;
    let (derived, mock) = (flag("is_derived")?, flag("is_mock")?);
    into.extend((0..batch.num_rows()).map(|row| LandedCandle {
        candle: Candle {
            open_time: DateTime::from_timestamp_micros(opened.value(row)).unwrap_or_default(),
            open: open.value(row),
            high: high.value(row),
            low: low.value(row),
            close: close.value(row),
            volume: volume.is_valid(row).then(|| volume.value(row)),
        },
        revision: revision.value(row),
        extracted_at: DateTime::from_timestamp_micros(extracted.value(row)).unwrap_or_default(),
        is_derived: derived.value(row),
        is_mock: mock.value(row),
    }));
    Some(())
}
