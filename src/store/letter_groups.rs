//! Dead letters by what they have in common: one group for one fault of a provider.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{LetterState, Store, StoreError, instant, statement::sql};

/// How many letters share a fault, and one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterGroup {
    pub fingerprint: String,
    pub provider: String,
    pub expectation: String,
    pub pattern: String,
    pub open: i64,
    pub replayed: i64,
    pub discarded: i64,
    /// When its first letter was received.
    pub first_seen_at: DateTime<Utc>,
    /// When one of its letters was last refused.
    pub last_seen_at: DateTime<Utc>,
    /// The first letter.
    pub sample_id: String,
}

#[derive(FromRow)]
struct Row {
    fingerprint: String,
    provider: String,
    expectation: String,
    pattern: String,
    open_count: i64,
    replayed_count: i64,
    discarded_count: i64,
    first_seen_at: i64,
    last_seen_at: i64,
    sample_id: String,
}

/// Open letters of a provider that were refused for the same.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OpenLetters {
    pub provider: String,
    pub expectation: String,
    pub letters: i64,
}

impl Store {
    /// Groups that have letters in a state, those whose first letter is newest first; after the one
    /// that began then and has that name.
    pub async fn dead_letter_groups(
        &self,
        state: LetterState,
        after: Option<(DateTime<Utc>, &str)>,
        limit: u32,
    ) -> Result<Vec<LetterGroup>, StoreError> {
        let text = match state {
            LetterState::Open => {
                "select * from dead_letter_group \
                 where open_count > 0 and (first_seen_at, fingerprint) < ($1, $2) \
                 order by first_seen_at desc, fingerprint desc limit $3"
            }
            LetterState::Replayed => {
                "select * from dead_letter_group \
                 where replayed_count > 0 and (first_seen_at, fingerprint) < ($1, $2) \
                 order by first_seen_at desc, fingerprint desc limit $3"
            }
            LetterState::Discarded => {
                "select * from dead_letter_group \
                 where discarded_count > 0 and (first_seen_at, fingerprint) < ($1, $2) \
                 order by first_seen_at desc, fingerprint desc limit $3"
            }
        };
        let (at, name) = after.map_or((i64::MAX, ""), |(at, name)| (at.timestamp_micros(), name));
        let groups = sql(text).bind(at).bind(name).bind(i64::from(limit));
        let rows: Vec<Row> = self.engine.read(groups).await?;
        Ok(rows.into_iter().map(group).collect())
    }

    /// Open letters by provider and expectation, those of a kind without any among them.
    pub async fn open_dead_letters(&self) -> Result<Vec<OpenLetters>, StoreError> {
        let open = sql("select provider, expectation, cast(sum(open_count) as bigint) as letters \
             from dead_letter_group group by provider, expectation \
             order by provider, expectation");
        self.engine.read(open).await
    }

    /// All that are kept, decided about or not.
    pub async fn dead_letter_count(&self) -> Result<i64, StoreError> {
        let count =
            sql("select cast(coalesce(sum(open_count + replayed_count + discarded_count), \
             0) as bigint) from dead_letter_group");
        let count = self.engine.read_one(count).await?;
        Ok(count.map_or(0, |(count,): (i64,)| count))
    }
}

fn group(row: Row) -> LetterGroup {
    LetterGroup {
        fingerprint: row.fingerprint,
        provider: row.provider,
        expectation: row.expectation,
        pattern: row.pattern,
        open: row.open_count,
        replayed: row.replayed_count,
        discarded: row.discarded_count,
        first_seen_at: instant(row.first_seen_at),
        last_seen_at: instant(row.last_seen_at),
        sample_id: row.sample_id,
    }
}
