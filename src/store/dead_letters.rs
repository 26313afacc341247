//! Refused records, kept until somebody decides about them.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, StoreError, instant};
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
    raw: Vec<u8>,
    source: String,
    extracted_at: i64,
    last_seen_at: i64,
    times_seen: i64,
}

impl Store {
    /// Keeps the letters; one that is kept already is counted again. Returns how many are new.
    pub async fn keep(&self, letters: &[DeadLetter]) -> Result<usize, StoreError> {
        let mut tx = self.writer.begin().await?;
        let mut new = 0;
        for letter in letters {
            let times_seen: i64 = sqlx::query_scalar(
                "insert into dead_letter (dead_letter_id, series, open_at, expectation, detail, \
                 raw, source, extracted_at, last_seen_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
                 on conflict (dead_letter_id) do update set \
                 times_seen = dead_letter.times_seen + 1, last_seen_at = excluded.last_seen_at \
                 returning times_seen",
            )
            .bind(&letter.id)
            .bind(letter.subject.to_string())
            .bind(letter.open_time.map(|at| at.timestamp_micros()))
            .bind(&letter.expectation)
            .bind(&letter.detail)
            .bind(&letter.raw[..])
            .bind(&letter.source)
            .bind(letter.extracted_at.timestamp_micros())
            .fetch_one(&mut *tx)
            .await?;
            new += usize::from(times_seen == 1);
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Newest first, without their bytes.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<KeptLetter>, StoreError> {
        let after = filter.after.as_ref();
        let rows: Vec<Row> = sqlx::query_as(
            "select dead_letter_id, series, open_at, expectation, detail, x'' as raw, source, \
             extracted_at, last_seen_at, times_seen from dead_letter \
             where ($1 is null or series = $1) and ($2 is null or expectation = $2) \
             and ($3 is null or (extracted_at, dead_letter_id) < ($3, $4)) \
             order by extracted_at desc, dead_letter_id desc limit $5",
        )
        .bind(filter.subject.as_ref().map(ToString::to_string))
        .bind(&filter.expectation)
        .bind(after.map(|position| position.extracted_at.timestamp_micros()))
        .bind(after.map(|position| position.id.clone()))
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(kept).collect()
    }

    /// One letter with its bytes.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<KeptLetter>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "select dead_letter_id, series, open_at, expectation, detail, raw, source, \
             extracted_at, last_seen_at, times_seen from dead_letter where dead_letter_id = $1",
        )
        .bind(id)
        .fetch_optional(&self.reader)
        .await?;
        row.map(kept).transpose()
    }

    pub async fn dead_letter_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select count(*) from dead_letter").fetch_one(&self.reader).await?)
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
