//! The table of macroeconomic indicators: one row per period and revision.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use buoyant_kernel::expressions::Scalar;
use chrono::{DateTime, Utc};
use deltalake::{
    arrow::{
        array::{
            ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray,
            TimestampMicrosecondArray,
        },
        datatypes::{Float64Type, Int32Type},
        error::ArrowError,
    },
    datafusion::prelude::{col, lit},
};
use futures::future::BoxFuture;
use indexmap::IndexMap;

use super::{
    CommitRecord, FeedRecord, Ground, LakeError, Table,
    query::Cells,
    shape::{Column, Declaration, Kind},
};
use crate::market::{Indicator, Observation, Provenance};

/// The partition column; an indicator is a few files.
const PARTITION: &str = "indicator";

const COLUMNS: &[Column] = &[
    ("interval", Kind::Text, false),
    ("timestamp", Kind::Instant, false),
    ("value", Kind::Float, false),
    ("unit", Kind::Text, false),
    ("revision", Kind::Int, false),
    ("is_mock", Kind::Flag, false),
    ("_extracted_at", Kind::Instant, false),
    ("_ingestion_id", Kind::Text, false),
    ("_source", Kind::Text, false),
];

const SHAPE: Declaration = Declaration {
    name: "raw_macro_indicators",
    columns: COLUMNS,
    partitions: &[(PARTITION, Kind::Text, false)],
    skipping: &["timestamp"],
    sort: &["interval", "timestamp", "revision"],
};

/// An observation, and which revision of its period it is; 0 is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisedObservation {
    pub observation: Observation,
    pub revision: i32,
}

/// An observation as it stands in the lake.
#[derive(Debug, Clone, PartialEq)]
pub struct LandedObservation {
    pub indicator: Indicator,
    pub observation: Observation,
    /// 0 when the provider never changed it.
    pub revision: i32,
    /// When this revision was received.
    pub extracted_at: DateTime<Utc>,
    pub is_mock: bool,
}

/// Key: `indicator`, `interval`, `timestamp`, `revision`.
#[derive(Debug)]
pub struct IndicatorTable(Arc<Table>);

impl IndicatorTable {
    pub(super) async fn open(ground: &Ground) -> Result<Self, LakeError> {
        Ok(Self(Arc::new(Table::open(SHAPE.shape(), ground).await?)))
    }

    /// The table, whatever its rows are.
    pub fn as_table(&self) -> &Arc<Table> {
        &self.0
    }

    /// Appends observations of one indicator; returns the version. Fails with `MovedOn` if somebody
    /// else has committed since `version()`; nothing has been written then.
    pub async fn append(
        &self,
        record: FeedRecord,
        (indicator, rows): (Indicator, &[RevisedObservation]),
        provenance: &Provenance,
    ) -> Result<u64, LakeError> {
        let batch = batch(indicator, rows, &record, provenance);
        let batch = batch.map_err(|source| self.arrow(source))?;
        let name = Scalar::String(indicator.to_string());
        let partition = IndexMap::from([(PARTITION.to_owned(), name)]);
        self.append_batches(vec![(partition, batch)], &CommitRecord::of_feed(record)).await
    }

    /// The newest revision of every period, newest period first; of all indicators, or of one.
    pub fn observations(
        &self,
        indicator: Option<Indicator>,
    ) -> BoxFuture<'_, Result<Vec<LandedObservation>, LakeError>> {
        Box::pin(async move {
            let wanted = indicator.map(|one| col(PARTITION).eq(lit(one.as_str())));
            let rows = self.scan().await?.filter(wanted.unwrap_or_else(|| lit(true)));
            let rows = self.read(rows.map_err(|error| self.query(error))?, read).await?;
            let mut newest: BTreeMap<_, LandedObservation> = BTreeMap::new();
            for row in rows {
                let key = (row.observation.period, std::cmp::Reverse(row.indicator));
                let known = newest.get(&key).map_or(-1, |known| known.revision);
                if row.revision > known {
                    newest.insert(key, row);
                }
            }
            Ok(newest.into_values().rev().collect())
        })
    }
}

impl Deref for IndicatorTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

fn batch(
    indicator: Indicator,
    rows: &[RevisedObservation],
    record: &FeedRecord,
    provenance: &Provenance,
) -> Result<RecordBatch, ArrowError> {
    let count = rows.len();
    let same = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value; count])) };
    let utc = |micros: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
    };
    let of = || rows.iter().map(|row| &row.observation);
    RecordBatch::try_new(
        SHAPE.schema(),
        vec![
            same(indicator.interval()),
            utc(of().map(|one| one.period.timestamp_micros()).collect()),
            Arc::new(of().map(|one| one.value).collect::<Float64Array>()),
            Arc::new(of().map(|one| Some(&one.unit)).collect::<StringArray>()),
            Arc::new(rows.iter().map(|row| row.revision).collect::<Int32Array>()),
            Arc::new(BooleanArray::from(vec![provenance.is_mock; count])),
            utc(vec![provenance.extracted_at.timestamp_micros(); count]),
            same(&record.ingestion_id.to_string()),
            same(&provenance.source),
        ],
    )
}

/// Rows of an indicator, or of an interval, that this version does not know are passed over.
fn read(cells: &Cells<'_>, into: &mut Vec<LandedObservation>) -> Option<()> {
    let (indicators, intervals) = (cells.text(PARTITION)?, cells.text("interval")?);
    let (periods, extracted) = (cells.instants("timestamp")?, cells.instants("_extracted_at")?);
    let values = cells.numbers::<Float64Type>("value")?;
    let units = cells.text("unit")?;
    let revisions = cells.numbers::<Int32Type>("revision")?;
    let mock = cells.flags("is_mock")?;
    for row in 0..cells.rows() {
        let indicator = indicators.value(row).parse();
        let known = |indicator: &Indicator| indicator.interval() == intervals.value(row);
        let Some(indicator) = indicator.ok().filter(known) else { continue };
        into.push(LandedObservation {
            indicator,
            observation: Observation {
                period: periods(row),
                value: values.value(row),
                unit: units.value(row).to_owned(),
            },
            revision: revisions.value(row),
            extracted_at: extracted(row),
            is_mock: mock.value(row),
        });
    }
    Some(())
}
