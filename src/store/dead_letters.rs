//! Refused records, kept until somebody decides about them: how they are found.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{
    Store, StoreError, instant,
    statement::{Statement, sql},
};
use crate::{
    market::Subject,
    quality::{DeadLetter, Fingerprint},
};

/// What has become of a letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Nobody has decided about it.
    #[default]
    Open,
    /// It was judged again and accepted.
    Replayed,
    /// Somebody gave it up, and said why.
    Discarded,
}

impl LetterState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Replayed, Self::Discarded];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

/// A dead letter as kept. `raw` is empty in listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLetter {
    pub letter: DeadLetter,
    /// The name of its group.
    pub fingerprint: String,
    /// Of the raw bytes.
    pub size: i64,
    pub last_seen_at: DateTime<Utc>,
    pub times_seen: i64,
    pub state: LetterState,
    pub resolution: Option<Resolved>,
    /// When it was last tried again in vain, and why it was refused then.
    pub tried: Option<(DateTime<Utc>, String)>,
}

/// Who decided about a letter, when, and why if that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub at: DateTime<Utc>,
    pub by: String,
    pub reason: Option<String>,
}

/// Which letters are meant; absent fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    pub state: LetterState,
    pub subject: Option<Subject>,
    pub expectation: Option<String>,
    pub fingerprint: Option<String>,
    /// List what comes after this one.
    pub after: Option<DeadLetterPosition>,
}

/// A place in the listing, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPosition {
    pub extracted_at: DateTime<Utc>,
    pub id: String,
}

impl KeptLetter {
    pub fn position(&self) -> DeadLetterPosition {
        let DeadLetter { extracted_at, id, .. } = &self.letter;
        DeadLetterPosition { extracted_at: *extracted_at, id: id.clone() }
    }
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
    size: i64,
    source: String,
    extracted_at: i64,
    last_seen_at: i64,
    times_seen: i64,
    fingerprint: String,
    state: String,
    resolved_at: Option<i64>,
    resolved_by: Option<String>,
    reason: Option<String>,
    tried_at: Option<i64>,
    tried_detail: Option<String>,
}

impl Store {
    /// Newest first, without their bytes.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<KeptLetter>, StoreError> {
        let Some((texts, places)) = filter.texts() else { return Ok(Vec::new()) };
        let letters = filter.filled(texts.list, &places).bind(i64::from(limit));
        let rows: Vec<Row> = self.engine.read(letters).await?;
        rows.into_iter().map(kept).collect()
    }

    /// How many there are that pass a filter, from its place on.
    pub async fn dead_letters_of(&self, filter: &DeadLetterFilter) -> Result<i64, StoreError> {
        let Some((texts, places)) = filter.texts() else { return Ok(0) };
        let count = self.engine.read_one(filter.filled(texts.count, &places)).await?;
        Ok(count.map_or(0, |(count,): (i64,)| count))
    }

    /// One letter with its bytes.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<KeptLetter>, StoreError> {
        let letter = sql("select *, cast(length(raw) as bigint) as size from dead_letter \
             where dead_letter_id = $1");
        let row: Option<Row> = self.engine.read_one(letter.bind(id)).await?;
        row.map(kept).transpose()
    }

    /// Whether one answer gave the candle of `letter` another time with other values, and nobody has
    /// decided yet which of them is right.
    pub async fn has_rival(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let rivals = sql("select count(*) from dead_letter \
             where state = 'open' and series = $1 and expectation = $2 and extracted_at = $3 \
             and open_at = $4 and dead_letter_id <> $5")
        .bind(letter.subject.to_string())
        .bind(&*letter.expectation)
        .bind(letter.extracted_at.timestamp_micros())
        .bind(letter.open_time.map(|at| at.timestamp_micros()))
        .bind(&*letter.id);
        let count: Option<(i64,)> = self.engine.read_one(rivals).await?;
        Ok(count.is_some_and(|(count,)| count > 0))
    }

    /// When the oldest letter that is open was received.
    pub async fn oldest_dead_letter(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let oldest = sql("select extracted_at from dead_letter where state = 'open' \
             order by extracted_at, dead_letter_id limit 1");
        let oldest: Option<(i64,)> = self.engine.read_one(oldest).await?;
        Ok(oldest.map(|(at,)| instant(at)))
    }
}

/// What a filter asks for has statements of its own, so that each is answered from one index.
struct Texts {
    list: &'static str,
    count: &'static str,
}

impl DeadLetterFilter {
    /// The statements, and what goes into their places after the state; `None` where nothing can be
    /// found, because a group is of another expectation.
    fn texts(&self) -> Option<(Texts, Vec<String>)> {
        let series = self.subject.as_ref().map(ToString::to_string);
        let expectation = match (&self.fingerprint, &self.expectation) {
            (Some(group), Some(expectation)) if !Fingerprint::is_of(group, expectation) => {
                return None;
            }
            (Some(_), _) => None,
            (None, expectation) => expectation.clone(),
        };
        let fingerprint = self.fingerprint.clone();
        let texts = match (&series, &expectation, &fingerprint) {
            (None, None, None) => ALL,
            (Some(_), None, None) => OF_SERIES,
            (None, Some(_), _) => OF_EXPECTATION,
            (None, None, Some(_)) => OF_GROUP,
            (Some(_), Some(_), _) => OF_SERIES_AND_EXPECTATION,
            (Some(_), None, Some(_)) => OF_SERIES_AND_GROUP,
        };
        Some((texts, [series, expectation, fingerprint].into_iter().flatten().collect()))
    }

    /// Without a place to go on from it is a time that no letter has.
    fn filled(&self, text: &'static str, places: &[String]) -> Statement {
        let (at, id) = match &self.after {
            Some(after) => (after.extracted_at.timestamp_micros(), &*after.id),
            None => (i64::MAX, ""),
        };
        let state = sql(text).bind(self.state.as_str());
        places.iter().fold(state, |text, place| text.bind(&**place)).bind(at).bind(id)
    }
}

const ALL: Texts = Texts {
    list: "select * from dead_letter_head where state = $1 \
        and (extracted_at, dead_letter_id) < ($2, $3) \
        order by extracted_at desc, dead_letter_id desc limit $4",
    count: "select count(*) from dead_letter where state = $1 \
        and (extracted_at, dead_letter_id) < ($2, $3)",
};

const OF_SERIES: Texts = Texts {
    list: "select * from dead_letter_head where state = $1 and series = $2 \
        and (extracted_at, dead_letter_id) < ($3, $4) \
        order by extracted_at desc, dead_letter_id desc limit $5",
    count: "select count(*) from dead_letter where state = $1 and series = $2 \
        and (extracted_at, dead_letter_id) < ($3, $4)",
};

const OF_EXPECTATION: Texts = Texts {
    list: "select * from dead_letter_head where state = $1 and expectation = $2 \
        and (extracted_at, dead_letter_id) < ($3, $4) \
        order by extracted_at desc, dead_letter_id desc limit $5",
    count: "select count(*) from dead_letter where state = $1 and expectation = $2 \
        and (extracted_at, dead_letter_id) < ($3, $4)",
};

const OF_GROUP: Texts = Texts {
    list: "select * from dead_letter_head where state = $1 and fingerprint = $2 \
        and (extracted_at, dead_letter_id) < ($3, $4) \
        order by extracted_at desc, dead_letter_id desc limit $5",
    count: "select count(*) from dead_letter where state = $1 and fingerprint = $2 \
        and (extracted_at, dead_letter_id) < ($3, $4)",
};

const OF_SERIES_AND_EXPECTATION: Texts = Texts {
    list: "select * from dead_letter_head where state = $1 and series = $2 and expectation = $3 \
        and (extracted_at, dead_letter_id) < ($4, $5) \
        order by extracted_at desc, dead_letter_id desc limit $6",
    count: "select count(*) from dead_letter where state = $1 and series = $2 and expectation = $3 \
        and (extracted_at, dead_letter_id) < ($4, $5)",
};

const OF_SERIES_AND_GROUP: Texts = Texts {
    list: "select * from dead_letter_head where state = $1 and series = $2 and fingerprint = $3 \
        and (extracted_at, dead_letter_id) < ($4, $5) \
        order by extracted_at desc, dead_letter_id desc limit $6",
    count: "select count(*) from dead_letter where state = $1 and series = $2 and fingerprint = $3 \
        and (extracted_at, dead_letter_id) < ($4, $5)",
};

fn kept(row: Row) -> Result<KeptLetter, StoreError> {
    let subject = row
        .series
        .parse()
        .map_err(|_| StoreError::Unreadable { what: "a series or feed", value: row.series })?;
    let state = LetterState::ALL.into_iter().find(|state| state.as_str() == row.state);
    let state = state.ok_or(StoreError::Unreadable { what: "a state", value: row.state })?;
    let resolution = row.resolved_at.map(|at| Resolved {
        at: instant(at),
        by: row.resolved_by.unwrap_or_default(),
        reason: row.reason,
    });
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
        fingerprint: row.fingerprint,
        size: row.size,
        last_seen_at: instant(row.last_seen_at),
        times_seen: row.times_seen,
        state,
        resolution,
        tried: row.tried_at.map(instant).zip(row.tried_detail),
    })
}

#[cfg(test)]
mod tests;
