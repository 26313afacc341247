//! What must never be found in a table of candles, as queries that return no rows.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use deltalake::{
    arrow::datatypes::Int64Type,
    datafusion::{
        dataframe::DataFrame,
        error::DataFusionError,
        execution::runtime_env::RuntimeEnv,
        prelude::{SessionContext, col, lit},
    },
    delta_datafusion::DeltaSessionConfig,
};
use futures::future::BoxFuture;

use super::{
    super::{
        LakeError,
        query::{Cells, Pinned, day},
    },
    CandleTable, columns,
};
use crate::market::{Series, Timeframe, Window};

/// Selects the rows that break it, of a table `candles` whose candles last `STEP` seconds, with what is
/// wrong as `detail`.
#[derive(Debug)]
pub struct RowInvariant {
    pub name: &'static str,
    pub says: &'static str,
    query: &'static str,
}

/// Every one.
pub const ROW_INVARIANTS: [RowInvariant; 5] = [
    RowInvariant {
        name: "rows_are_there_once",
        says: "no key and revision is there twice",
        query: "select asset_pair, source_provider, timestamp, \
                concat('revision ', cast(revision as varchar), ' is there ', \
                cast(count(*) as varchar), ' times') as detail from candles \
                group by asset_pair, source_provider, timestamp, revision having count(*) > 1",
    },
    RowInvariant {
        name: "revisions_are_complete",
        says: "the revisions of a candle are counted from 0 without a hole",
        query: "select asset_pair, source_provider, timestamp, \
                concat(cast(count(distinct revision) as varchar), ' revisions, the last one is ', \
                cast(max(revision) as varchar)) as detail from candles \
                group by asset_pair, source_provider, timestamp \
                having min(revision) <> 0 or max(revision) + 1 <> count(distinct revision)",
    },
    RowInvariant {
        name: "values_are_possible",
        says: "prices are numbers above zero, the high is the highest, the low is the lowest",
        query: "select asset_pair, source_provider, timestamp, \
                concat_ws(' ', cast(open as varchar), cast(high as varchar), cast(low as varchar), \
                cast(close as varchar), cast(volume as varchar)) as detail from candles \
                where not (low > 0 and low <= open and low <= close and open <= high \
                and close <= high and low <= high and high < cast('Infinity' as double) \
                and coalesce(volume, 0) >= 0 and coalesce(volume, 0) < cast('Infinity' as double))",
    },
    RowInvariant {
        name: "candles_had_closed",
        says: "candles open on the grid and had closed when they were received",
        query: "select asset_pair, source_provider, timestamp, \
                concat('received at ', cast(_extracted_at as varchar)) as detail from candles \
                where to_unixtime(timestamp) % STEP <> 0 \
                or timestamp + interval 'STEP seconds' > _extracted_at",
    },
    RowInvariant {
        name: "rows_are_in_their_partition",
        says: "a row is in the partition of its open time",
        query: "select asset_pair, source_provider, timestamp, \
                concat('in ', cast(date as varchar)) as detail from candles \
                where date <> cast(date_trunc('PARTITION', timestamp) as date)",
    },
];

/// Rows that are told of one invariant in one partition.
const MOST_TOLD: usize = 20;

/// A row that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub invariant: &'static str,
    pub series: Series,
    pub open_time: DateTime<Utc>,
    pub detail: String,
}

/// What one partition holds.
#[derive(Debug, Default)]
pub struct Examined {
    pub rows: i64,
    /// The first ones of each invariant.
    pub faults: Vec<Fault>,
    /// How many there are, by invariant.
    pub counts: Vec<(&'static str, i64)>,
    /// The stretches of consecutive candles that each series has.
    pub runs: Vec<(Series, Window)>,
}

impl CandleTable {
    /// The partitions there are now, oldest first.
    pub fn partitions(&self) -> Result<BTreeSet<NaiveDate>, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        let log = state.log_data();
        let values = log.iter().filter_map(|file| {
            file.partition_values_map().get(columns::PARTITION)?.as_ref()?.parse().ok()
        });
        Ok(values.collect())
    }

    /// Looks through one partition, of one series or of all, within what `environment` allows.
    pub fn examine<'a>(
        &'a self,
        partition: NaiveDate,
        of: Option<&'a Series>,
        (pinned, environment): (&'a Pinned, &'a Arc<RuntimeEnv>),
    ) -> BoxFuture<'a, Result<Examined, LakeError>> {
        Box::pin(async move {
            let failed = |error| self.query(error);
            let rows = self.scan_past(pinned).await?;
            let rows = of_series(rows, of).map_err(failed)?;
            let rows = rows.filter(col(columns::PARTITION).eq(day(partition))).map_err(failed)?;
            let config = DeltaSessionConfig::default().into();
            let context = SessionContext::new_with_config_rt(config, environment.clone());
            context.register_table("candles", rows.into_view()).map_err(failed)?;
            let mut found = Examined {
                rows: self.count(&context, "select count(*) as n from candles").await?,
                runs: self.runs(&context).await?,
                ..Examined::default()
            };
            for invariant in &ROW_INVARIANTS {
                let query = self.filled(invariant.query);
                let count = format!("select count(*) as n from ({query})");
                let count = self.count(&context, &count).await?;
                if count > 0 {
                    found.counts.push((invariant.name, count));
                    found.faults.extend(self.faults(&context, invariant.name, &query).await?);
                }
            }
            Ok(found)
        })
    }

    fn filled(&self, query: &str) -> String {
        let partition = match self.timeframe {
            Timeframe::M1 | Timeframe::M5 => "month",
            _ => "year",
        };
        let step = self.timeframe.seconds().to_string();
        query.replace("STEP", &step).replace("PARTITION", partition)
    }

    async fn count(&self, context: &SessionContext, query: &str) -> Result<i64, LakeError> {
        let counted = context.sql(query).await.map_err(|error| self.query(error))?;
        let read = |cells: &Cells<'_>, into: &mut Vec<i64>| {
            into.extend(cells.numbers::<Int64Type>("n")?.values());
            Some(())
        };
        Ok(self.read(counted, read).await?.first().copied().unwrap_or_default())
    }

    async fn faults(
        &self,
        context: &SessionContext,
        invariant: &'static str,
        query: &str,
    ) -> Result<Vec<Fault>, LakeError> {
        let query = format!(
            "select cast(asset_pair as varchar) as asset, cast(source_provider as varchar) as \
             provider, timestamp as at, cast(detail as varchar) as detail from ({query}) \
             order by asset, provider, at limit {MOST_TOLD}"
        );
        let rows = context.sql(&query).await.map_err(|error| self.query(error))?;
        let read = |cells: &Cells<'_>, into: &mut Vec<Fault>| {
            let (assets, providers) = (cells.text("asset")?, cells.text("provider")?);
            let (at, details) = (cells.instants("at")?, cells.text("detail")?);
            for row in 0..cells.rows() {
                let series = self.series(providers.value(row), assets.value(row))?;
                let (open_time, detail) = (at(row), details.value(row).to_owned());
                into.push(Fault { invariant, series, open_time, detail });
            }
            Some(())
        };
        self.read(rows, read).await
    }
}

fn of_series(rows: DataFrame, of: Option<&Series>) -> Result<DataFrame, DataFusionError> {
    let Some(series) = of else { return Ok(rows) };
    let is_asset = col("asset_pair").eq(lit(series.instrument.as_str()));
    rows.filter(is_asset.and(col("source_provider").eq(lit(series.provider.as_str()))))
}
