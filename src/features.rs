//! Features for models: of each moment of an asset the indicators as they were known then.
//!
//! For every moment the candles are taken that had closed and, unless only that is asked for, had been
//! received by then, in the revision and of the source that were the best then; of these the model of
//! `silver.market_data_enriched` makes the features, so that training and serving read one definition.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use deltalake::{
    arrow::{
        array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType},
        error::ArrowError,
    },
    datafusion::{
        catalog::{MemorySchemaProvider, SchemaProvider},
        datasource::MemTable,
        error::DataFusionError,
    },
};

use crate::{
    config::IngestConfig,
    indicators::confluence::REACH,
    market::{AssetClass, InstrumentId, Timeframe},
    models::{literal, preference},
};

/// Moments that are looked at in one question.
pub const MOST: usize = 250;
/// The model whose columns they are.
pub const MODEL: &str = "silver.market_data_enriched";
/// What it reads.
const INPUT: &str = "silver.market_data";

/// When a candle counts as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBy {
    /// From when on it had been received, in the revision of then.
    Received,
    /// From its close on, as it is now: for history that was received later.
    Close,
}

impl KnownBy {
    pub const ALL: [Self; 2] = [Self::Received, Self::Close];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Close => "close",
        }
    }
}

/// Why a row has no features: which one, counted from 1, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    #[error("row {row}, asset_pair: {detail}")]
    Asset { row: usize, detail: String },
    #[error("row {row}, timestamp: it is later than now")]
    Future { row: usize },
    #[error("{0} is what a feature is called")]
    Taken(String),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Engine(#[from] DataFusionError),
}

/// The columns that moments have; others go along.
pub fn columns() -> Schema {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Schema::new(vec![
        Field::new("asset_pair", DataType::Utf8, false),
        Field::new("timestamp", instant, false),
    ])
}

/// What is asked of the moments, in SQL, and the tables `system.moments` and `system.preference` that go
/// with it. `model` is the query of [`MODEL`], `features` are its columns.
pub fn question(
    rows: &RecordBatch,
    (timeframe, known_by): (Timeframe, KnownBy),
    (model, features): (&str, &SchemaRef),
    (ingest, now): (&IngestConfig, DateTime<Utc>),
) -> Result<(String, Arc<dyn SchemaProvider>), MomentError> {
    let assets = assets(rows)?;
    let times = rows.column(rows.schema().index_of("timestamp")?);
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let is_later = |at: &i64| *at > now.timestamp_micros();
    if let Some(row) = times.values().iter().position(is_later) {
        return Err(MomentError::Future { row: row + 1 });
    }
    let told: Vec<&str> = features.fields().iter().filter_map(|one| shown(one.name())).collect();
    let is_taken = |field: &&Arc<Field>| told.contains(&field.name().as_str());
    if let Some(field) = rows.schema().fields().iter().find(is_taken) {
        return Err(MomentError::Taken(field.name().clone()));
    }
    let system = MemorySchemaProvider::new();
    let table = |rows: RecordBatch| MemTable::try_new(rows.schema(), vec![vec![rows]]);
    let moments = moments(rows, &assets)?;
    system.register_table("moments".to_owned(), Arc::new(table(moments)?))?;
    let assets: BTreeSet<InstrumentId> = assets.into_iter().collect();
    let order = preference(ingest, &assets)?;
    system.register_table("preference".to_owned(), Arc::new(table(order)?))?;
    let first = times.values().iter().min().copied().unwrap_or_default();
    let last = times.values().iter().max().copied().unwrap_or_default();
    let reach = horizon(timeframe, &assets).num_microseconds().unwrap_or(i64::MAX);
    let text = Text { timeframe, known_by, reach, first, last, assets: &assets };
    Ok((text.query(model, features), Arc::new(system)))
}

/// What a column of the model is called among the features, if it is one.
fn shown(name: &str) -> Option<&str> {
    match name {
        "asset_pair" | "timeframe" | "date" => None,
        "timestamp" => Some("candle_timestamp"),
        "last_changed_at" => Some("known_at"),
        name => Some(name),
    }
}

fn assets(rows: &RecordBatch) -> Result<Vec<InstrumentId>, MomentError> {
    let names = rows.column(rows.schema().index_of("asset_pair")?).as_string::<i32>();
    let asset = |(row, name): (usize, Option<&str>)| {
        let name = name.unwrap_or_default().parse();
        name.map_err(|error: crate::market::ParseError| MomentError::Asset {
            row: row + 1,
            detail: error.to_string(),
        })
    };
    names.iter().enumerate().map(asset).collect()
}

/// The rows, each with a number and with its asset as the lake spells it.
fn moments(rows: &RecordBatch, assets: &[InstrumentId]) -> Result<RecordBatch, ArrowError> {
    let numbers: Int64Array = (0..i64::try_from(rows.num_rows()).unwrap_or(0)).map(Some).collect();
    let assets: StringArray = assets.iter().map(|asset| Some(asset.as_str())).collect();
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("_moment".to_owned(), Arc::new(numbers)), ("_asset".to_owned(), Arc::new(assets))];
    let schema = rows.schema();
    let own = schema.fields().iter().zip(rows.columns());
    columns.extend(own.map(|(field, column)| (field.name().clone(), column.clone())));
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
}

/// How far back the last candles may lie that a feature sees, with nights and weekends in between.
fn horizon(timeframe: Timeframe, assets: &BTreeSet<InstrumentId>) -> TimeDelta {
    let has = |class| assets.iter().any(|asset| asset.asset_class() == class);
    let (factor, more) = if has(AssetClass::Equity) {
        (7, 4)
    } else if has(AssetClass::Fx) {
        (2, 4)
    } else {
        (2, 0)
    };
    let candles = i32::try_from(REACH).unwrap_or(i32::MAX);
    timeframe.duration() * (candles * factor) + TimeDelta::days(more)
}

struct Text<'a> {
    timeframe: Timeframe,
    known_by: KnownBy,
    /// Microseconds.
    reach: i64,
    first: i64,
    last: i64,
    assets: &'a BTreeSet<InstrumentId>,
}

impl Text<'_> {
    fn query(&self, model: &str, features: &SchemaRef) -> String {
        let (reach, step) = (self.reach, self.timeframe.micros());
        let (low, high) = (literal(self.first - reach), literal(self.last));
        let names: Vec<String> = self.assets.iter().map(|asset| format!("'{asset}'")).collect();
        let received = match self.known_by {
            KnownBy::Received => "and c._extracted_at <= w.timestamp",
            KnownBy::Close => "",
        };
        let selected = features
            .fields()
            .iter()
            .filter_map(|field| Some(format!("f.{} as {}", field.name(), shown(field.name())?)));
        // A stretch of `reach` lies in two buckets of that length, by which moments meet their candles.
        format!(
            "with at as (select _moment, _asset, timestamp, \
                 arrow_cast(timestamp, 'Int64') / {reach} as bucket from system.moments), \
             wanted as (select * from at union all \
                 select _moment, _asset, timestamp, bucket - 1 from at), \
             candles as (select *, arrow_cast(timestamp, 'Int64') / {reach} as bucket \
                 from bronze.raw_market_data_{timeframe} \
                 where asset_pair in ({names}) and timestamp >= {low} and timestamp < {high}), \
             known as (select w._moment, c.timestamp, c.open, c.high, c.low, c.close, c.volume, \
                 c.source_provider, c.is_mock, c.is_derived, c.revision, c._extracted_at, \
                 row_number() over (partition by w._moment, c.timestamp order by c.is_mock, \
                     coalesce(p.place, 1000), c._extracted_at desc, c.revision desc) as place \
                 from wanted w join candles c on c.asset_pair = w._asset and c.bucket = w.bucket \
                     and arrow_cast(c.timestamp, 'Int64') + {step} <= arrow_cast(w.timestamp, 'Int64') \
                     and arrow_cast(c.timestamp, 'Int64') + {reach} > arrow_cast(w.timestamp, 'Int64') \
                     {received} \
                 left join system.preference p \
                     on p.asset_pair = c.asset_pair and p.source_provider = c.source_provider), \
             ranked as (select *, \
                 row_number() over (partition by _moment order by timestamp desc) as back \
                 from known where place = 1), \
             window_of_moment as (select cast(_moment as varchar) as asset_pair, \
                 '{timeframe}' as timeframe, timestamp, cast(timestamp as date) as date, \
                 open, high, low, close, volume, source_provider, is_mock, is_derived, revision, \
                 max(_extracted_at) over (partition by _moment) as last_changed_at \
                 from ranked where back <= {REACH}), \
             enriched as ({model}), \
             newest as (select *, \
                 row_number() over (partition by asset_pair order by timestamp desc) as back \
                 from enriched) \
             select m.* exclude (_moment, _asset), {selected} from system.moments m \
             left join newest f on f.asset_pair = cast(m._moment as varchar) and f.back = 1 \
             order by m._moment",
            timeframe = self.timeframe,
            names = if names.is_empty() { "''".to_owned() } else { names.join(", ") },
            model = model.replace(&format!("from {INPUT} as "), "from window_of_moment as "),
            selected = selected.collect::<Vec<_>>().join(", "),
        )
    }
}
