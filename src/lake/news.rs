//! The table of news: one row per article and asset that it mentions.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use deltalake::{
    arrow::{
        array::{
            ArrayRef, BooleanArray, Float64Array, ListBuilder, RecordBatch, StringArray,
            StringBuilder, TimestampMicrosecondArray,
        },
        datatypes::{Float64Type, TimestampMicrosecondType},
        error::ArrowError,
    },
    datafusion::{
        functions_aggregate::expr_fn::max,
        logical_expr::Expr,
        prelude::{col, lit},
    },
};
use futures::future::BoxFuture;
use indexmap::IndexMap;

use super::{
    CommitRecord, FeedRecord, LakeError, Table,
    query::{Cells, day, instant},
    shape::{self, Column, Kind, Partition, Shape, element},
};
use crate::{
    config::LakeConfig,
    market::{InstrumentId, Mention, Provenance, Window},
    telemetry::Metrics,
};

/// The partition column: the first day of the month of publication.
const PARTITION: &str = "date";

const COLUMNS: &[Column] = &[
    ("article_id", Kind::Text, false),
    ("published_at", Kind::Instant, false),
    ("title", Kind::Text, false),
    ("url", Kind::Text, false),
    ("source", Kind::Text, false),
    ("asset_pair", Kind::Text, false),
    ("relevance_score", Kind::Float, false),
    ("sentiment_score", Kind::Float, false),
    ("sentiment_label", Kind::Text, false),
    ("topics", Kind::Texts, false),
    ("is_mock", Kind::Flag, false),
    ("_extracted_at", Kind::Instant, false),
    ("_ingestion_id", Kind::Text, false),
    ("_source", Kind::Text, false),
];

const SHAPE: Shape = Shape {
    name: "raw_news_sentiment",
    columns: COLUMNS,
    partitions: &[(PARTITION, Kind::Day, false)],
    skipping: "asset_pair,published_at",
    sort: &["asset_pair", "published_at", "article_id"],
};

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
    pub(super) async fn open(config: &LakeConfig, metrics: &Metrics) -> Result<Self, LakeError> {
        Ok(Self(Arc::new(Table::open(SHAPE, config, metrics).await?)))
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

fn month(at: DateTime<Utc>) -> NaiveDate {
    NaiveDate::from_ymd_opt(at.year(), at.month(), 1).unwrap_or_default()
}

fn partition(first_day: NaiveDate) -> Partition {
    IndexMap::from([(PARTITION.to_owned(), shape::day(first_day))])
}

fn batch(
    asset: &InstrumentId,
    mentions: &[&Mention],
    record: &FeedRecord,
    provenance: &Provenance,
) -> Result<RecordBatch, ArrowError> {
    let rows = mentions.len();
    let text = |value: fn(&Mention) -> &str| -> ArrayRef {
        Arc::new(mentions.iter().map(|one| Some(value(one))).collect::<StringArray>())
    };
    let same = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value; rows])) };
    let score = |value: fn(&Mention) -> f64| -> ArrayRef {
        Arc::new(mentions.iter().map(|one| value(one)).collect::<Float64Array>())
    };
    let utc = |micros: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
    };
    let ids: StringArray = mentions.iter().map(|one| Some(one.article_id())).collect();
    let published = mentions.iter().map(|one| one.published_at.timestamp_micros()).collect();
    let mut topics = ListBuilder::new(StringBuilder::new()).with_field(element());
    for mention in mentions {
        topics.append_value(mention.topics.iter().map(Some));
    }
    RecordBatch::try_new(
        SHAPE.schema(),
        vec![
            Arc::new(ids),
            utc(published),
            text(|one| &one.title),
            text(|one| &one.url),
            text(|one| &one.source),
            same(asset.as_str()),
            score(|one| one.relevance),
            score(|one| one.sentiment),
            text(|one| &one.label),
            Arc::new(topics.finish()),
            Arc::new(BooleanArray::from(vec![provenance.is_mock; rows])),
            utc(vec![provenance.extracted_at.timestamp_micros(); rows]),
            same(&record.ingestion_id.to_string()),
            same(&provenance.source),
        ],
    )
}

fn read(cells: &Cells<'_>, into: &mut Vec<LandedMention>) -> Option<()> {
    let (published, extracted) =
        (cells.instants("published_at")?, cells.instants("_extracted_at")?);
    let (ids, assets) = (cells.text("article_id")?, cells.text("asset_pair")?);
    let (titles, urls, sources) = (cells.text("title")?, cells.text("url")?, cells.text("source")?);
    let relevance = cells.numbers::<Float64Type>("relevance_score")?;
    let sentiment = cells.numbers::<Float64Type>("sentiment_score")?;
    let (labels, topics) = (cells.text("sentiment_label")?, cells.texts("topics")?);
    let mock = cells.flags("is_mock")?;
    for (row, topics) in topics.into_iter().enumerate() {
        into.push(LandedMention {
            article_id: ids.value(row).to_owned(),
            asset: assets.value(row).parse().ok()?,
            mention: Mention {
                published_at: published(row),
                title: titles.value(row).to_owned(),
                url: urls.value(row).to_owned(),
                source: sources.value(row).to_owned(),
                relevance: relevance.value(row),
                sentiment: sentiment.value(row),
                label: labels.value(row).to_owned(),
                topics,
            },
            extracted_at: extracted(row),
            is_mock: mock.value(row),
        });
    }
    Some(())
}
