//! How far a backfill is, and how long it will take if it goes on as it did.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::{BackfillState, KeptBackfill};

/// Counts and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Of the chunks that are done, from 0 to 1; it never goes back.
    pub share: f64,
    /// Unknown while nothing was done by which to tell, and while nothing is being done.
    pub eta: Option<TimeDelta>,
}

/// As of `now`.
pub fn progress(backfill: &KeptBackfill, now: DateTime<Utc>) -> Progress {
    let chunks = backfill.chunks;
    let share = if chunks.total == 0 { 1.0 } else { chunks.done as f64 / chunks.total as f64 };
    let since = backfill.active_since.map_or(0, |at| (now - at).num_microseconds().unwrap_or(0));
    let active = backfill.active_micros.saturating_add(since.max(0));
    // Requests are what takes time; where there are none, chunks are.
    let (settled, left) = if backfill.requests_planned > 0 {
        (backfill.requests_settled, backfill.requests_planned - backfill.requests_settled)
    } else {
        (chunks.done, chunks.total - chunks.done)
    };
    let is_known = backfill.state == BackfillState::Active && settled > 0 && active > 0;
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, far beyond any lifetime")]
    let micros = (left.max(0) as f64 * active as f64 / settled as f64) as i64;
    Progress { share, eta: is_known.then(|| TimeDelta::microseconds(micros)) }
}
