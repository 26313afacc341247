//! When a poll is repeated that left out a candle that was due.

use chrono::{DateTime, TimeDelta, Utc};

use crate::market::Timeframe;

/// How soon it is repeated first.
const FIRST_REPEAT: TimeDelta = TimeDelta::seconds(5);

/// A poll is worth repeating before the next candle closes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Behind {
    polls: u32,
    poll_at: DateTime<Utc>,
}

impl Behind {
    /// Soon at first: a provider may be some seconds late, and an hourly candle cannot wait for the
    /// next.
    pub(super) fn again(
        before: Option<Self>,
        timeframe: Timeframe,
        now: DateTime<Utc>,
        not_before: Option<DateTime<Utc>>,
    ) -> Self {
        let polls = before.map_or(0, |before| before.polls);
        let wait = FIRST_REPEAT * 3_i32.pow(polls.min(8));
        let longest = (timeframe.duration() / 4).max(FIRST_REPEAT * 9);
        let poll_at = now + wait.min(longest);
        let poll_at = not_before.map_or(poll_at, |until| until.max(poll_at));
        Self { polls: polls.saturating_add(1), poll_at }
    }

    pub(super) fn is_due(self, now: DateTime<Utc>) -> bool {
        self.poll_at <= now
    }
}
