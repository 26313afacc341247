//! What becomes of dead letters: kept, seen again, decided about. The counts of their groups are
//! written together with them, and each statement is one that may be told twice.

use chrono::{DateTime, Utc};

use super::{
    AuditEntry, LetterState, Store, StoreError,
    statement::{Statement, sql},
};
use crate::{market::By, quality::DeadLetter};

/// What was decided about letters that are open.
#[derive(Debug)]
pub struct Resolution<'a> {
    pub state: LetterState,
    pub at: DateTime<Utc>,
    pub by: &'a By,
    pub reason: Option<&'a str>,
}

/// Letters that are fingerprinted in one write.
const BATCH: i64 = 500;

impl Store {
    /// Keeps the letters; one that is kept already is counted again, once for each time at which it
    /// was seen, and is open again if somebody had decided about it.
    pub async fn keep(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        let statements: Vec<_> = letters.iter().flat_map(keep).collect();
        self.engine.write(&statements).await
    }

    /// Resolves those of `ids` that are open, and remembers of `refused` why they still are.
    pub async fn resolve_letters(
        &self,
        ids: &[String],
        resolution: &Resolution<'_>,
        refused: &[(String, String)],
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let resolve = ids.iter().flat_map(|id| resolve(id, resolution));
        let tried = refused.iter().map(|(id, why)| {
            sql("update dead_letter set tried_at = $1, tried_detail = $2 \
                 where dead_letter_id = $3 and state = 'open'")
            .bind(resolution.at.timestamp_micros())
            .bind(&**why)
            .bind(&**id)
        });
        let statements: Vec<_> = resolve.chain(tried).chain([audit.statement()]).collect();
        self.engine.write(&statements).await
    }

    /// Puts letters of an older version into their groups, a limited number at a time.
    pub(super) async fn fingerprint_letters(&self) -> Result<(), StoreError> {
        loop {
            let some = sql("select dead_letter_id from dead_letter \
                 where state = 'open' and fingerprint = '' limit $1");
            let ids: Vec<(String,)> = self.engine.read(some.bind(BATCH)).await?;
            if ids.is_empty() {
                return Ok(());
            }
            let mut statements = Vec::new();
            for (id,) in ids {
                let Some(kept) = self.dead_letter(&id).await? else { continue };
                let group = kept.letter.fingerprint();
                let name = sql("update dead_letter set fingerprint = $1 \
                     where dead_letter_id = $2 and fingerprint = ''");
                statements.push(name.bind(&*group.name).bind(&*id));
                statements.push(count_new(&kept.letter, kept.last_seen_at).if_changed());
            }
            self.engine.write(&statements).await?;
        }
    }
}

fn keep(letter: &DeadLetter) -> [Statement; 5] {
    let seen_at = letter.extracted_at.timestamp_micros();
    let insert = sql("insert into dead_letter (dead_letter_id, series, open_at, expectation, \
         detail, raw, source, extracted_at, last_seen_at, fingerprint) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) \
         on conflict (dead_letter_id) do nothing")
    .bind(&*letter.id)
    .bind(letter.subject.to_string())
    .bind(letter.open_time.map(|at| at.timestamp_micros()))
    .bind(&*letter.expectation)
    .bind(&*letter.detail)
    .bind(&letter.raw)
    .bind(&*letter.source)
    .bind(seen_at)
    .bind(letter.fingerprint().name);
    // The letter says whether this was done before, so it is changed after its group.
    let reopen = sql("update dead_letter_group set open_count = open_count + 1, \
         replayed_count = replayed_count - (select count(*) from dead_letter \
             where dead_letter_id = $1 and state = 'replayed'), \
         discarded_count = discarded_count - (select count(*) from dead_letter \
             where dead_letter_id = $1 and state = 'discarded') \
         where fingerprint = (select fingerprint from dead_letter \
             where dead_letter_id = $1 and state <> 'open' and last_seen_at <> $2)");
    let see_again = sql("update dead_letter set times_seen = times_seen + 1, last_seen_at = $2, \
         state = 'open', resolved_at = null, resolved_by = null, reason = null \
         where dead_letter_id = $1 and last_seen_at <> $2");
    let group = sql("update dead_letter_group set last_seen_at = $2 where last_seen_at < $2 \
         and fingerprint = (select fingerprint from dead_letter where dead_letter_id = $1)");
    [
        insert,
        count_new(letter, letter.extracted_at).if_changed(),
        reopen.bind(&*letter.id).bind(seen_at),
        see_again.bind(&*letter.id).bind(seen_at),
        group.bind(&*letter.id).bind(seen_at).if_changed(),
    ]
}

/// Counts a letter that its group does not have yet; the first one makes the group.
fn count_new(letter: &DeadLetter, last_seen_at: DateTime<Utc>) -> Statement {
    let group = letter.fingerprint();
    sql("insert into dead_letter_group (fingerprint, provider, expectation, pattern, open_count, \
         first_seen_at, last_seen_at, sample_id) values ($1, $2, $3, $4, 1, $5, $6, $7) \
         on conflict (fingerprint) do update set open_count = dead_letter_group.open_count + 1, \
         last_seen_at = case when dead_letter_group.last_seen_at < excluded.last_seen_at \
             then excluded.last_seen_at else dead_letter_group.last_seen_at end")
    .bind(group.name)
    .bind(group.provider)
    .bind(&*letter.expectation)
    .bind(group.pattern)
    .bind(letter.extracted_at.timestamp_micros())
    .bind(last_seen_at.timestamp_micros())
    .bind(&*letter.id)
}

fn resolve(id: &str, resolution: &Resolution<'_>) -> [Statement; 2] {
    let Resolution { state, at, by, reason } = resolution;
    let (replayed, discarded) = match state {
        LetterState::Open => (0, 0),
        LetterState::Replayed => (1, 0),
        LetterState::Discarded => (0, 1),
    };
    let count = sql("update dead_letter_group set open_count = open_count - 1, \
         replayed_count = replayed_count + $2, discarded_count = discarded_count + $3 \
         where fingerprint = (select fingerprint from dead_letter \
             where dead_letter_id = $1 and state = 'open')");
    let mark = sql("update dead_letter \
         set state = $2, resolved_at = $3, resolved_by = $4, reason = $5 \
         where dead_letter_id = $1 and state = 'open'");
    [
        count.bind(id).bind(replayed).bind(discarded),
        mark.bind(id)
            .bind(state.as_str())
            .bind(at.timestamp_micros())
            .bind(&*by.actor)
            .bind(*reason),
    ]
}
