//! Why the last attempt failed, and how long the next one waits.

use chrono::{DateTime, TimeDelta, Utc};

use super::IngestError;
use crate::error::chain;

/// Failures in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub outcome: &'static str,
    pub message: String,
    pub since: DateTime<Utc>,
    pub attempts: u32,
    /// Whatever can wait waits until then; live polls do not.
    pub retry_at: DateTime<Utc>,
    /// Where the provider is only not asked any more: what it did that led to it, by outcome and
    /// message.
    pub behind: Option<(&'static str, String)>,
}

/// How long a failure makes others wait: twice as long each time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) first: TimeDelta,
    pub(super) longest: TimeDelta,
}

impl Trouble {
    /// One more failure after those `before`; where the provider cannot be asked before a certain
    /// time, the wait is at least as long.
    pub(super) fn again(
        before: Option<Self>,
        error: &IngestError,
        patience: Patience,
        now: DateTime<Utc>,
    ) -> Self {
        let attempts = before.as_ref().map_or(0, |trouble| trouble.attempts).saturating_add(1);
        let wait = (patience.first * (1 << (attempts - 1).min(16))).min(patience.longest);
        let retry_at = error.until().map_or(now + wait, |until| until.max(now + wait));
        Self {
            behind: before.as_ref().and_then(|before| behind(before, error)),
            outcome: error.outcome(),
            message: chain(error),
            since: before.map_or(now, |trouble| trouble.since),
            attempts,
            retry_at,
        }
    }
}

/// The failure that led to `error`, if that only says that nobody asks.
fn behind(before: &Trouble, error: &IngestError) -> Option<(&'static str, String)> {
    let leads_there = match error.outcome() {
        "circuit_open" => true,
        "exhausted" => matches!(before.outcome, "throttled" | "exhausted"),
        _ => false,
    };
    if !leads_there {
        return None;
    }
    let is_same = before.outcome == error.outcome();
    if is_same { before.behind.clone() } else { Some((before.outcome, before.message.clone())) }
}
