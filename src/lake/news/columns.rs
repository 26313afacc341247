//! Mentions as Arrow columns.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use deltalake::arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
        TimestampMicrosecondArray,
    },
    datatypes::Float64Type,
    error::ArrowError,
};
use indexmap::IndexMap;

use super::{
    super::{
        FeedRecord,
        query::Cells,
        shape::{self, Column, Declaration, Kind, Partition, element},
    },
    LandedMention,
};
use crate::market::{InstrumentId, Mention, Provenance};

/// The partition column: the first day of the month of publication.
pub(super) const PARTITION: &str = "date";

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

pub(super) const SHAPE: Declaration = Declaration {
    name: "raw_news_sentiment",
    columns: COLUMNS,
    partitions: &[(PARTITION, Kind::Day, false)],
    skipping: &["asset_pair", "published_at"],
    sort: &["asset_pair", "published_at", "article_id"],
};

pub(super) fn month(at: DateTime<Utc>) -> NaiveDate {
    NaiveDate::from_ymd_opt(at.year(), at.month(), 1).unwrap_or_default()
}

pub(super) fn partition(first_day: NaiveDate) -> Partition {
    IndexMap::from([(PARTITION.to_owned(), shape::day(first_day))])
}

pub(super) fn batch(
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

pub(super) fn read(cells: &Cells<'_>, into: &mut Vec<LandedMention>) -> Option<()> {
    let (published, extracted) =
        (cells.instants("published_at")?, cells.instants("_extracted_at")?);
    let (ids, assets) = (cells.text("article_id")?, cells.text("asset_pair")?);
    let (titles, urls, sources) = (cells.text("title")?, cells.text("url")?, cells.text("source")?);
    let relevance = cells.numbers::<Float64Type>("relevance_score")?;
    let sentiment = cells.numbers::<Float64Type>("sentiment_score")?;
    let (labels, topics) = (cells.text("sentiment_label")?, cells.texts("topics")?);
    let mock = cells.flags("is_mock")?;
    for (row, topics) in topics.into_iter().enumerate() {
        // A row that another version wrote about what this one cannot name is passed over.
        let Ok(asset) = assets.value(row).parse() else { continue };
        into.push(LandedMention {
            article_id: ids.value(row).to_owned(),
            asset,
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
