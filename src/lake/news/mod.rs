//! The table of news: one row per article and asset that it mentions.

mod columns;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, Utc};
use deltalake::{
    arrow::datatypes::TimestampMicrosecondType,
    datafusion::{
        functions_aggregate::expr_fn::max,
        logical_expr::Expr,
        prelude::{col, lit},
    },
};
use futures::future::BoxFuture;

use self::columns::{PARTITION, SHAPE, batch, month, partition, read};
use super::{
    CommitRecord, FeedRecord, Ground, LakeError, Table,
    query::{Cells, day, instant},
};
use crate::market::{InstrumentId, Mention, Provenance, Window};

/// A mention as it stands in the lake.
#[derive(Debug, Clone, PartialEq)]
pub struct LandedMention {
    pub article_id: String,
    pub asset: InstrumentId,
    pub mention: Mention,
    /// When it was received.
    pub extracted_at: DateTime<Utc>,
    pub is_mock: bool,
}

/// Which mentions to read; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct MentionFilter {
    pub asset: Option<InstrumentId>,
    /// When they were published.
    pub window: Option<Window>,
}

/// Key: `article_id`, `asset_pair`.
#[derive(Debug)]
pub struct NewsTable(Arc<Table>);

impl NewsTable {
    pub(super) async fn open(ground: &Ground) -> Result<Self, LakeError> {
        Ok(Self(Arc::new(Table::open(SHAPE.shape(), ground).await?)))
    }

    /// The table, whatever its rows are.
    pub fn as_table(&self) -> &Arc<Table> {
        &self.0
    }

    /// Appends what articles say of one asset; returns the version. Fails with `MovedOn` if
    /// somebody else has committed since `version()`; nothing has been written then.
    pub async fn append(
        &self,
        record: FeedRecord,
        (asset, mentions): (&InstrumentId, &[Mention]),
        provenance: &Provenance,
    ) -> Result<u64, LakeError> {
        let mut months: BTreeMap<NaiveDate, Vec<&Mention>> = BTreeMap::new();
        for mention in mentions {
            months.entry(month(mention.published_at)).or_default().push(mention);
        }
        let mut batches = Vec::new();
        for (first_day, mentions) in months {
            let batch = batch(asset, &mentions, &record, provenance);
            batches.push((partition(first_day), batch.map_err(|source| self.arrow(source))?));
        }
        self.append_batches(batches, &CommitRecord::of_feed(record)).await
    }

    /// Which of these articles have landed for the asset already, whenever they were published.
    pub fn landed<'a>(
        &'a self,
        asset: &'a InstrumentId,
        articles: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, LakeError>> {
        Box::pin(async move {
            let ids = articles.iter().map(|id| lit(id.as_str())).collect();
            let wanted = is_of(asset).and(col("article_id").in_list(ids, false));
            let rows = self.scan().await?.filter(wanted);
            let rows = rows.and_then(|rows| rows.select_columns(&["article_id"]));
            let rows = rows.map_err(|error| self.query(error))?;
            let read = |cells: &Cells<'_>, into: &mut Vec<String>| {
                into.extend(cells.text("article_id")?.iter().flatten().map(str::to_owned));
                Some(())
            };
            Ok(self.read(rows, read).await?.into_iter().collect())
        })
    }

    /// When the newest article that mentions the asset was published.
    pub fn newest<'a>(
        &'a self,
        asset: &'a InstrumentId,
    ) -> BoxFuture<'a, Result<Option<DateTime<Utc>>, LakeError>> {
        Box::pin(async move {
            let newest = max(col("published_at")).alias("newest");
            let rows = self.scan().await?.filter(is_of(asset));
            let rows = rows.and_then(|rows| rows.aggregate(Vec::new(), vec![newest]));
            let rows = rows.map_err(|error| self.query(error))?;
            let read = |cells: &Cells<'_>, into: &mut Vec<i64>| {
                into.extend(cells.numbers::<TimestampMicrosecondType>("newest")?.iter().flatten());
                Some(())
            };
            let newest = self.read(rows, read).await?.into_iter().max();
            Ok(newest.and_then(DateTime::from_timestamp_micros))
        })
    }

    /// The newest `limit` mentions that pass the filter, newest first.
    pub fn mentions<'a>(
        &'a self,
        filter: &'a MentionFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<LandedMention>, LakeError>> {
        Box::pin(async move {
            let order = ["published_at", "article_id", "asset_pair"];
            let order = order.map(|name| col(name).sort(name == "asset_pair", false)).to_vec();
            let rows = self.scan().await?.filter(wanted(filter));
            let rows = rows.and_then(|rows| rows.sort(order)?.limit(0, Some(limit)));
            let mentions = self.read(rows.map_err(|error| self.query(error))?, read).await?;
            Ok(mentions)
        })
    }
}

impl Deref for NewsTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

fn is_of(asset: &InstrumentId) -> Expr {
    col("asset_pair").eq(lit(asset.as_str()))
}

fn wanted(filter: &MentionFilter) -> Expr {
    let in_window = |window: &Window| {
        col("published_at")
            .gt_eq(instant(window.start))
            .and(col("published_at").lt(instant(window.end)))
            .and(col(PARTITION).between(day(month(window.start)), day(month(window.end))))
    };
    let asset = filter.asset.as_ref().map(is_of);
    let window = filter.window.as_ref().map(in_window);
    asset.into_iter().chain(window).reduce(Expr::and).unwrap_or_else(|| lit(true))
}
