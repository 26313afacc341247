//! Refused records, kept until somebody decides about them.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, StoreError, instant, statement::sql};
use crate::{market::Subject, quality::DeadLetter};

/// A dead letter as kept. `raw` is empty in listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLetter {
    pub letter: DeadLetter,
    pub last_seen_at: DateTime<Utc>,
    pub times_seen: i64,
}

/// Which letters to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    pub subject: Option<Subject>,
    pub expectation: Option<String>,
    /// List what comes after this one.
    pub after: Option<DeadLetterPosition>,
}

/// A place in the listing, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPosition {
    pub extracted_at: DateTime<Utc>,
    pub id: String,
}

#[derive(FromRow)]
struct Row {
    dead_letter_id: String,
    /// Or a feed: the name tells which.
    series: String,
    open_at: Option<i64>,
    expectation: String,
    detail: String,
    /// Absent in listings.
    #[sqlx(default)]
    raw: Vec<u8>,
    source: String,
    extracted_at: i64,
    last_seen_at: i64,
    times_seen: i64,
}

impl Store {
    /// Keeps the letters; one that is kept already is counted again, once for each time at which it
    /// was seen.
    pub async fn keep(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        let keep = |letter: &DeadLetter| {
            sql("insert into dead_letter (dead_letter_id, series, open_at, expectation, detail, \
                 raw, source, extracted_at, last_seen_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
                 on conflict (dead_letter_id) do update set \
                 times_seen = dead_letter.times_seen + 1, last_seen_at = excluded.last_seen_at \
                 where dead_letter.last_seen_at <> excluded.last_seen_at")
            .bind(&*letter.id)
            .bind(letter.subject.to_string())
            .bind(letter.open_time.map(|at| at.timestamp_micros()))
            .bind(&*letter.expectation)
            .bind(&*letter.detail)
            .bind(&letter.raw)
            .bind(&*letter.source)
            .bind(letter.extracted_at.timestamp_micros())
        };
        self.engine.write(&letters.iter().map(keep).collect::<Vec<_>>()).await
    }

    /// Newest first, without their bytes.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<KeptLetter>, StoreError> {
        let after = filter.after.as_ref();
        let letters = sql("select dead_letter_id, series, open_at, expectation, detail, source, \
             extracted_at, last_seen_at, times_seen from dead_letter \
             where ($1 is null or series = $1) and ($2 is null or expectation = $2) \
             and ($3 is null or (extracted_at, dead_letter_id) < ($3, $4)) \
             order by extracted_at desc, dead_letter_id desc limit $5")
        .bind(filter.subject.as_ref().map(ToString::to_string).as_deref())
        .bind(filter.expectation.as_deref())
        .bind(after.map(|position| position.extracted_at.timestamp_micros()))
        .bind(after.map(|position| &*position.id))
        .bind(i64::from(limit));
        let rows: Vec<Row> = self.engine.read(letters).await?;
        rows.into_iter().map(kept).collect()
    }

    /// One letter with its bytes.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<KeptLetter>, StoreError> {
        let letter =
            sql("select dead_letter_id, series, open_at, expectation, detail, raw, source, \
             extracted_at, last_seen_at, times_seen from dead_letter where dead_letter_id = $1")
            .bind(id);
        let row: Option<Row> = self.engine.read_one(letter).await?;
        row.map(kept).transpose()
    }

    pub async fn dead_letter_count(&self) -> Result<i64, StoreError> {
        let count = self.engine.read_one(sql("select count(*) from dead_letter")).await?;
        Ok(count.map_or(0, |(count,): (i64,)| count))
    }
}

fn kept(row: Row) -> Result<KeptLetter, StoreError> {
    let subject = row
        .series
        .parse()
        .map_err(|_| StoreError::Unreadable { what: "a series or feed", value: row.series })?;
    Ok(KeptLetter {
        letter: DeadLetter {
            id: row.dead_letter_id,
            subject,
            open_time: row.open_at.map(instant),
            expectation: row.expectation,
            detail: row.detail,
            raw: row.raw.into(),
            source: row.source,
            extracted_at: instant(row.extracted_at),
        },
        last_seen_at: instant(row.last_seen_at),
        times_seen: row.times_seen,
    })
}
