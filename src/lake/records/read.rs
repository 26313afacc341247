//! Asking for records: the newest revision of each, newest first.

use chrono::{DateTime, Utc};
use deltalake::{
    arrow::{
        array::{Array, StringArray},
        datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
    },
    datafusion::{
        common::JoinType,
        error::DataFusionError,
        functions_aggregate::expr_fn::{count, max},
        logical_expr::Expr,
        prelude::{DataFrame, col, lit},
    },
};
use futures::future::BoxFuture;

use super::{
    super::{
        LakeError,
        query::{Cells, day, instant},
    },
    KnownRevision, RecordTable, RevisedRecord,
    columns::{at, id, key},
    month,
};
use crate::market::{
    Action, Decision, Execution, InstrumentId, Money, Record, RecordKey, RecordKind, Status, Window,
};

/// Which records to read; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    pub asset: Option<InstrumentId>,
    /// When it was decided, or the trade was entered.
    pub window: Option<Window>,
    /// Who decided. Executions have none.
    pub provider: Option<String>,
    /// Executions have none.
    pub action: Option<Action>,
    /// Decisions have none.
    pub status: Option<Status>,
    /// Of one platform. Decisions have none.
    pub platform: Option<String>,
    /// List what comes after this one.
    pub after: Option<RecordPlace>,
}

/// A place in the listing, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    pub at: DateTime<Utc>,
    pub key: RecordKey,
}

/// A revision that has more than one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubledRevision {
    /// Of the decision, or of the trade.
    pub id: String,
    pub revision: i32,
    pub rows: i64,
    pub at: DateTime<Utc>,
}

impl RecordTable {
    /// How many rows there are, and which of them should not be.
    pub fn doubled(&self) -> BoxFuture<'_, Result<(i64, Vec<DoubledRevision>), LakeError>> {
        Box::pin(async move {
            let all = self.scan().await?;
            let names = [key(self.kind), &["revision"]].concat();
            let by_key = names.iter().map(|name| col(*name)).collect();
            let values = vec![count(lit(1)).alias("rows"), max(col(at(self.kind))).alias("at")];
            let groups = all.aggregate(by_key, values).map_err(|error| self.query(error))?;
            let id = id(self.kind);
            let read = |cells: &Cells<'_>, into: &mut Vec<_>| {
                let (ids, at) = (cells.text(id)?, cells.instants("at")?);
                let revisions = cells.numbers::<Int32Type>("revision")?;
                let rows = cells.numbers::<Int64Type>("rows")?;
                into.extend((0..cells.rows()).map(|row| DoubledRevision {
                    id: ids.value(row).to_owned(),
                    revision: revisions.value(row),
                    rows: rows.value(row),
                    at: at(row),
                }));
                Some(())
            };
            let mut groups = self.read(groups, read).await?;
            let rows = groups.iter().map(|group| group.rows).sum();
            groups.retain(|group| group.rows > 1);
            Ok((rows, groups))
        })
    }

    /// The newest revision of the newest `limit` records that pass the filter. What an earlier revision
    /// said does not count.
    pub fn records<'a>(
        &'a self,
        filter: &'a RecordFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RevisedRecord>, LakeError>> {
        Box::pin(async move {
            let all = self.scan().await?;
            let rows = self.newest(all).and_then(|rows| {
                let rows = self.wanted(filter).into_iter().try_fold(rows, DataFrame::filter)?;
                let mut order = vec![col(at(self.kind)).sort(false, false)];
                order.extend(key(self.kind).iter().map(|name| col(*name).sort(true, false)));
                rows.sort(order)?.limit(0, Some(limit))
            });
            let rows = rows.map_err(|error| self.query(error))?;
            let kind = self.kind;
            let read = |cells: &Cells<'_>, into: &mut Vec<_>| match kind {
                RecordKind::Decision => decisions(cells, into),
                RecordKind::Execution => executions(cells, into),
            };
            self.read(rows, read).await
        })
    }

    fn newest(&self, all: DataFrame) -> Result<DataFrame, DataFusionError> {
        let names = [key(self.kind), &["revision"]].concat();
        let newest_names: Vec<String> = names.iter().map(|name| format!("newest_{name}")).collect();
        let of_key = key(self.kind).iter().map(|name| col(*name)).collect();
        let newest = all.clone().aggregate(of_key, vec![max(col("revision")).alias("revision")])?;
        let renamed = names.iter().zip(&newest_names).map(|(name, new)| col(*name).alias(new));
        let newest = newest.select(renamed.collect::<Vec<Expr>>())?;
        let newest_names: Vec<&str> = newest_names.iter().map(String::as_str).collect();
        let rows = all.join(newest, JoinType::Inner, &names, &newest_names, None)?;
        rows.drop_columns(&newest_names)
    }

    fn wanted(&self, filter: &RecordFilter) -> Vec<Expr> {
        let RecordFilter { asset, window, provider, action, status, platform, after } = filter;
        let is = |name: &str, value: Option<&str>| value.map(|value| col(name).eq(lit(value)));
        let mut wanted = vec![
            is("asset_pair", asset.as_ref().map(InstrumentId::as_str)),
            is("provider_name", provider.as_deref()),
            is("action", action.map(Action::as_str)),
            is("status", status.map(Status::as_str)),
            is("platform", platform.as_deref()),
        ];
        let time = at(self.kind);
        if let Some(Window { start, end }) = *window {
            let months = col("date").between(day(month(start)), day(month(end)));
            wanted.push(Some(months));
            wanted.push(Some(col(time).gt_eq(instant(start)).and(col(time).lt(instant(end)))));
        }
        if let Some(RecordPlace { at, key: RecordKey { id: last, status } }) = after {
            let (id, last) = (col(id(self.kind)), lit(last.as_str()));
            let mut is_later = id.clone().gt(last.clone());
            if let Some(status) = status {
                let of_same = id.eq(last).and(col("status").gt(lit(status.as_str())));
                is_later = is_later.or(of_same);
            }
            let at = instant(*at);
            wanted.push(Some(col(time).lt(at.clone()).or(col(time).eq(at).and(is_later))));
        }
        wanted.into_iter().flatten().collect()
    }
}

pub(super) fn known(
    kind: RecordKind,
    cells: &Cells<'_>,
    into: &mut Vec<(RecordKey, KnownRevision)>,
) -> Option<()> {
    let (ids, raw) = (cells.text(id(kind))?, cells.text("raw")?);
    let statuses = match kind {
        RecordKind::Decision => None,
        RecordKind::Execution => Some(cells.text("status")?),
    };
    let revisions = cells.numbers::<Int32Type>("revision")?;
    let extracted = cells.instants("_extracted_at")?;
    for row in 0..cells.rows() {
        let status = match &statuses {
            None => None,
            Some(statuses) => Some(statuses.value(row).parse().ok()?),
        };
        let key = RecordKey { id: ids.value(row).to_owned(), status };
        let (revision, raw) = (revisions.value(row), raw.value(row).to_owned());
        into.push((key, KnownRevision { revision, raw, extracted_at: extracted(row) }));
    }
    Some(())
}

/// What every table of records has in common, by row.
fn revised<'a>(cells: &'a Cells<'_>) -> Option<impl Fn(usize, Record) -> RevisedRecord + 'a> {
    let (raw, sources) = (cells.text("raw")?, cells.text("_source")?);
    let revisions = cells.numbers::<Int32Type>("revision")?;
    let extracted = cells.instants("_extracted_at")?;
    Some(move |row, record| RevisedRecord {
        record,
        raw: raw.value(row).to_owned(),
        revision: revisions.value(row),
        extracted_at: extracted(row),
        source: sources.value(row).to_owned(),
    })
}

/// Rows with a word that this version does not know are passed over.
fn decisions(cells: &Cells<'_>, into: &mut Vec<RevisedRecord>) -> Option<()> {
    let revised = revised(cells)?;
    let (ids, assets) = (cells.text("decision_id")?, cells.text("asset_pair")?);
    let (actions, times) = (cells.text("action")?, cells.instants("timestamp")?);
    let confidence = cells.numbers::<Int32Type>("confidence")?;
    let (reasons, providers) = (cells.text("reasoning")?, cells.text("provider_name")?);
    let (modes, ensembles) = (cells.text("decision_mode")?, cells.text("ensemble_metadata")?);
    let markets = cells.text("market_context")?;
    let prices = cells.numbers::<Float64Type>("entry_price")?;
    let sizes = cells.numbers::<Float64Type>("position_size")?;
    for row in 0..cells.rows() {
        let (asset, action) = (assets.value(row).parse(), actions.value(row).parse());
        let (Ok(asset), Ok(action)) = (asset, action) else { continue };
        let decision = Decision {
            id: ids.value(row).to_owned(),
            asset,
            at: times(row),
            action,
            confidence: confidence.value(row),
            reasoning: optional(&reasons, row),
            provider: optional(&providers, row),
            mode: optional(&modes, row),
            entry_price: prices.is_valid(row).then(|| prices.value(row)),
            position_size: sizes.is_valid(row).then(|| sizes.value(row)),
            ensemble: optional(&ensembles, row),
            market: optional(&markets, row),
        };
        into.push(revised(row, Record::Decision(decision)));
    }
    Some(())
}

/// Rows with a word that this version does not know are passed over.
fn executions(cells: &Cells<'_>, into: &mut Vec<RevisedRecord>) -> Option<()> {
    let revised = revised(cells)?;
    let (ids, assets) = (cells.text("trade_id")?, cells.text("asset_pair")?);
    let (decisions, orders) = (cells.text("decision_id")?, cells.text("order_type")?);
    let (platforms, sides) = (cells.text("platform")?, cells.text("side")?);
    let (statuses, entered) = (cells.text("status")?, cells.instants("entry_time")?);
    let left = cells.numbers::<TimestampMicrosecondType>("exit_time")?;
    let (quantities, fees) = (amounts(cells, "quantity")?, amounts(cells, "fees")?);
    let (entries, exits) = (amounts(cells, "entry_price")?, amounts(cells, "exit_price")?);
    let profits = amounts(cells, "realized_pnl")?;
    for row in 0..cells.rows() {
        let words =
            (assets.value(row).parse(), sides.value(row).parse(), statuses.value(row).parse());
        let (Ok(asset), Ok(side), Ok(status)) = words else { continue };
        let exit = left.is_valid(row).then(|| left.value(row));
        let trade = Execution {
            trade_id: ids.value(row).to_owned(),
            decision_id: optional(&decisions, row),
            asset,
            platform: platforms.value(row).to_owned(),
            side,
            order_type: optional(&orders, row),
            quantity: quantities(row)?,
            entry_price: entries(row),
            exit_price: exits(row),
            fees: fees(row),
            realized_pnl: profits(row),
            entry_time: entered(row),
            exit_time: exit.and_then(DateTime::from_timestamp_micros),
            status,
        };
        into.push(revised(row, Record::Execution(trade)));
    }
    Some(())
}

fn optional(texts: &StringArray, row: usize) -> Option<String> {
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

fn amounts(cells: &Cells<'_>, name: &str) -> Option<impl Fn(usize) -> Option<Money>> {
    let amounts = cells.numbers::<Decimal128Type>(name)?.clone();
    Some(move |row| Money::of_mantissa(amounts.is_valid(row).then(|| amounts.value(row))?))
}
