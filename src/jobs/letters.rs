//! Decisions about dead letters, many at a time: judged again, or given up.

use std::{collections::BTreeMap, time::Instant};

use futures::future::BoxFuture;
use serde_json::json;

use super::follow_up;
use crate::{
    app::App,
    crash,
    ingest::{IngestError, Outcome, Replay},
    market::{By, ProviderId, Subject},
    store::{
        AuditEntry, DeadLetterFilter, DeadLetterPosition, KeptLetter, LetterState, Resolution,
        StoreError,
    },
};

/// What is decided, and about which letters.
#[derive(Debug, Clone)]
pub struct LetterCommand {
    pub which: Letters,
    pub action: LetterAction,
    /// Only says what would happen.
    pub dry_run: bool,
    pub reason: Option<String>,
    /// How many letters the caller believes there to be.
    pub expected: Option<i64>,
    pub by: By,
    /// When to stop and tell how many are left.
    pub until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterAction {
    Replay,
    Discard,
}

#[derive(Debug, Clone)]
pub enum Letters {
    Ids(Vec<String>),
    /// The open ones that pass.
    All(DeadLetterFilter),
}

/// What has become of them, or would.
#[derive(Debug, Default)]
pub struct LetterTally {
    /// Open letters that were meant.
    pub matched: i64,
    pub landed: i64,
    pub unchanged: i64,
    pub refused: i64,
    pub not_replayable: i64,
    pub discarded: i64,
    /// Not looked at, because there was no more time or they were too many.
    pub remaining: i64,
    /// Where to go on with a filter.
    pub next: Option<DeadLetterPosition>,
    /// Why letters stay open, by outcome and reason: how many, and one of them.
    pub reasons: BTreeMap<(&'static str, String), (i64, String)>,
}

#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    #[error("{matched} open letters are meant, and not {expected}")]
    CountChanged { matched: i64, expected: i64 },
    #[error("there is no dead letter {id}")]
    Unknown { id: String },
    #[error("what landed of {provider} is replayed by the replica that asks it")]
    NotServed { provider: ProviderId },
    #[error("somebody else decides about dead letters at the moment")]
    Busy,
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Letters in one write, and the bytes of them that are held at once.
const BATCH: u32 = 500;
const BATCH_BYTES: i64 = 8 << 20;
/// Letters of one command.
const MOST: i64 = 10_000;
/// Reasons that are told.
const MOST_REASONS: usize = 20;

impl LetterAction {
    const fn command(self) -> &'static str {
        match self {
            Self::Replay => "dead_letter.replay",
            Self::Discard => "dead_letter.discard",
        }
    }
}

/// Decides about letters that are open; the others are passed over, so doing it again is harmless.
pub fn decide(
    app: &App,
    command: LetterCommand,
) -> BoxFuture<'_, Result<LetterTally, LetterError>> {
    Box::pin(async move {
        let patience = command.until.saturating_duration_since(Instant::now());
        let turn = tokio::time::timeout(patience, app.replayer.turn.lock()).await;
        let _turn = turn.map_err(|_| LetterError::Busy)?;
        let mut tally = LetterTally::default();
        match command.which.clone() {
            Letters::Ids(ids) => {
                let letters = open(app, &ids).await?;
                tally.matched = letters.len().try_into().unwrap_or(i64::MAX);
                confirm(&command, tally.matched)?;
                work(app, &command, letters, &mut tally).await?;
                tally.next = None;
            }
            Letters::All(mut filter) => {
                tally.matched = app.store.dead_letters_of(&filter).await?;
                confirm(&command, tally.matched)?;
                while tally.looked_at() < MOST && has_time(app, &command) {
                    let page = app.store.dead_letters(&filter, BATCH).await?;
                    let Some(last) = page.last().map(KeptLetter::position) else { break };
                    let count = tally.looked_at();
                    work(app, &command, page, &mut tally).await?;
                    if tally.looked_at() == count {
                        break;
                    }
                    filter.after = tally.next.take().or(Some(last));
                }
                tally.next = filter.after;
            }
        }
        tally.remaining = (tally.matched - tally.looked_at()).max(0);
        tally.next = tally.next.filter(|_| tally.remaining > 0);
        Ok(tally)
    })
}

impl LetterTally {
    const fn looked_at(&self) -> i64 {
        self.landed + self.unchanged + self.refused + self.not_replayable + self.discarded
    }

    fn because(&mut self, outcome: &'static str, reason: String, id: &str) {
        let is_new = !self.reasons.contains_key(&(outcome, reason.clone()));
        if is_new && self.reasons.len() >= MOST_REASONS {
            return;
        }
        let (count, _) = self.reasons.entry((outcome, reason)).or_insert((0, id.to_owned()));
        *count += 1;
    }
}

fn confirm(command: &LetterCommand, matched: i64) -> Result<(), LetterError> {
    match command.expected {
        Some(expected) if expected != matched => {
            Err(LetterError::CountChanged { matched, expected })
        }
        _ => Ok(()),
    }
}

fn has_time(app: &App, command: &LetterCommand) -> bool {
    Instant::now() < command.until && !app.lifecycle.is_stopping()
}

/// The letters that are open, without their bytes; each once.
async fn open(app: &App, ids: &[String]) -> Result<Vec<KeptLetter>, LetterError> {
    let mut letters: Vec<KeptLetter> = Vec::new();
    for id in ids {
        let unknown = || LetterError::Unknown { id: id.clone() };
        let mut kept = app.store.dead_letter(id).await?.ok_or_else(unknown)?;
        let is_listed = letters.iter().any(|other| other.letter.id == *id);
        if kept.state == LetterState::Open && !is_listed {
            kept.letter.raw = bytes::Bytes::new();
            letters.push(kept);
        }
    }
    Ok(letters)
}

/// Works through letters, as many at a time as may be held in memory.
async fn work(
    app: &App,
    command: &LetterCommand,
    letters: Vec<KeptLetter>,
    tally: &mut LetterTally,
) -> Result<(), LetterError> {
    let mut letters = letters.into_iter().peekable();
    while letters.peek().is_some() && has_time(app, command) {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(kept) = letters.next_if(|next| {
            batch.is_empty() || (bytes + next.size <= BATCH_BYTES && batch.len() < BATCH as usize)
        }) {
            bytes += kept.size;
            batch.push(kept);
        }
        let last = batch.last().map(KeptLetter::position);
        match command.action {
            LetterAction::Replay => replay(app, command, batch, tally).await?,
            LetterAction::Discard => discard(app, command, &batch, tally).await?,
        }
        tally.next = last;
    }
    Ok(())
}

/// First the lake, then the store: whoever dies in between judges the letters again, and the lake has
/// them already.
async fn replay(
    app: &App,
    command: &LetterCommand,
    batch: Vec<KeptLetter>,
    tally: &mut LetterTally,
) -> Result<(), LetterError> {
    let mut letters = Vec::with_capacity(batch.len());
    for kept in batch {
        if !command.dry_run {
            check_served(app, &kept.letter.subject)?;
        }
        letters.extend(app.store.dead_letter(&kept.letter.id).await?.map(|kept| kept.letter));
    }
    let Replay { outcomes, landed } = app.replayer.replay(letters, command.dry_run).await?;
    for (series, landed) in &landed {
        follow_up(app, series, landed);
    }
    crash::point("letters_landed");
    let (mut resolved, mut refused) = (Vec::new(), Vec::new());
    for (id, outcome) in outcomes {
        match outcome {
            Outcome::Landed => tally.landed += 1,
            Outcome::Unchanged => tally.unchanged += 1,
            Outcome::Refused(why) => {
                tally.refused += 1;
                tally.because("still_refused", why.clone(), &id);
                refused.push((id, why));
                continue;
            }
            Outcome::NotReplayable(why) => {
                tally.not_replayable += 1;
                tally.because("not_replayable", why, &id);
                continue;
            }
        }
        resolved.push(id);
    }
    if command.dry_run {
        return Ok(());
    }
    settle(app, command, LetterState::Replayed, &resolved, &refused).await
}

/// Only the replica that answers for a provider lands its candles.
fn check_served(app: &App, subject: &Subject) -> Result<(), LetterError> {
    match subject {
        Subject::Series(series) if !app.fleet.serves(&series.provider) => {
            Err(LetterError::NotServed { provider: series.provider.clone() })
        }
        _ => Ok(()),
    }
}

async fn discard(
    app: &App,
    command: &LetterCommand,
    batch: &[KeptLetter],
    tally: &mut LetterTally,
) -> Result<(), LetterError> {
    let ids: Vec<String> = batch.iter().map(|kept| kept.letter.id.clone()).collect();
    if !command.dry_run {
        settle(app, command, LetterState::Discarded, &ids, &[]).await?;
    }
    tally.discarded += i64::try_from(ids.len()).unwrap_or(i64::MAX);
    Ok(())
}

async fn settle(
    app: &App,
    command: &LetterCommand,
    state: LetterState,
    resolved: &[String],
    refused: &[(String, String)],
) -> Result<(), LetterError> {
    if resolved.is_empty() && refused.is_empty() {
        return Ok(());
    }
    let at = app.clock.now();
    let (target, filter) = match &command.which {
        Letters::Ids(ids) if ids.len() == 1 => (ids[0].clone(), None),
        Letters::Ids(ids) => (format!("{} letters", ids.len()), None),
        Letters::All(filter) => (
            filter.fingerprint.clone().unwrap_or_else(|| "letters that pass a filter".to_owned()),
            Some(json!({
                "series": filter.subject,
                "expectation": filter.expectation,
                "fingerprint": filter.fingerprint,
            })),
        ),
    };
    let still_refused: Vec<&String> = refused.iter().map(|(id, _)| id).collect();
    let detail = json!({
        "filter": filter,
        "resolved": resolved,
        "still_refused": still_refused,
        "reason": command.reason,
    });
    let audit = AuditEntry::new(at, &command.by, command.action.command(), &target, detail);
    let reason = command.reason.as_deref();
    let resolution = Resolution { state, at, by: &command.by, reason };
    Ok(app.store.resolve_letters(resolved, &resolution, refused, &audit).await?)
}
