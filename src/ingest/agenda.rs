//! When each feed is collected: at the start, then again some time after every success, and after a
//! failure as soon as it may help.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{IngestError, Trouble, trouble::Patience};
use crate::{market::Feed, providers::ProviderError};

/// Requests are few, so the first wait is long already.
const FIRST_WAIT: TimeDelta = TimeDelta::minutes(1);

/// No provider has quotas of longer than a day; a little more, because they may end at midnight.
const LONGEST_QUOTA: TimeDelta = TimeDelta::hours(25);

/// A feed that was not collected for so many of its periods is overdue.
const OVERDUE_AFTER: i32 = 3;

/// What is known of one feed.
#[derive(Debug, Clone)]
pub struct FeedState {
    /// How long after a success it is collected again.
    pub every: TimeDelta,
    pub due_at: DateTime<Utc>,
    pub succeeded_at: Option<DateTime<Utc>>,
    pub trouble: Option<Trouble>,
}

/// How a feed stands at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Collected,
    /// It was not collected for three of its periods.
    Overdue,
    /// It was not collected yet.
    Never,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Collected, Self::Overdue, Self::Never];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::Overdue => "overdue",
            Self::Never => "never",
        }
    }
}

impl FeedState {
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        match self.succeeded_at {
            None => Standing::Never,
            Some(at) if now - at > self.every * OVERDUE_AFTER => Standing::Overdue,
            Some(_) => Standing::Collected,
        }
    }

    /// What lies further ahead than any wait is of a clock that has been set back.
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let longest = self.every.max(LONGEST_QUOTA);
        self.due_at <= now || self.due_at > now + longest
    }
}

/// Every feed that is collected.
#[derive(Debug)]
pub(super) struct Agenda(Mutex<BTreeMap<Feed, FeedState>>);

impl Agenda {
    /// `succeeded` is when each was last collected; one that never was is due at `now`.
    pub(super) fn new(
        feeds: impl Iterator<Item = (Feed, TimeDelta)>,
        succeeded: &BTreeMap<Feed, DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        let state = |(feed, every): (Feed, TimeDelta)| {
            let succeeded_at = succeeded.get(&feed).copied();
            // A success that lies ahead is of a clock that has been set back.
            let due_at = succeeded_at.map_or(now, |at| at.min(now) + every);
            (feed, FeedState { every, due_at, succeeded_at, trouble: None })
        };
        Self(Mutex::new(feeds.map(state).collect()))
    }

    pub(super) fn contains(&self, feed: &Feed) -> bool {
        self.states().contains_key(feed)
    }

    pub(super) fn all(&self) -> Vec<(Feed, FeedState)> {
        self.states().iter().map(|(feed, state)| (feed.clone(), state.clone())).collect()
    }

    /// The feeds of a kind that are due; none is given out again before it has succeeded or failed,
    /// or for as long as after a success.
    pub(super) fn take_due(&self, kind: &str, now: DateTime<Utc>) -> Vec<Feed> {
        let mut states = self.states();
        let due =
            states.iter_mut().filter(|(feed, state)| feed.kind() == kind && state.is_due(now));
        due.map(|(feed, state)| {
            state.due_at = now + state.every;
            feed.clone()
        })
        .collect()
    }

    pub(super) fn succeeded(&self, feed: &Feed, now: DateTime<Utc>) {
        if let Some(state) = self.states().get_mut(feed) {
            state.succeeded_at = Some(now);
            state.due_at = now + state.every;
            state.trouble = None;
        }
    }

    /// The next attempt waits twice as long as this one did. Where asking again does not help, as
    /// with a bad key or a shape that has changed, it waits as long as after a success.
    pub(super) fn failed(&self, feed: &Feed, error: &IngestError, now: DateTime<Utc>) {
        if let Some(state) = self.states().get_mut(feed) {
            let longest = state.every;
            let first = if may_pass(error) { FIRST_WAIT } else { longest };
            let patience = Patience { first, longest };
            let trouble = Trouble::again(state.trouble.take(), error, patience, now);
            state.due_at = trouble.retry_at;
            state.trouble = Some(trouble);
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<Feed, FeedState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn may_pass(error: &IngestError) -> bool {
    let is_malformed = matches!(error, IngestError::Provider(ProviderError::Malformed { .. }));
    error.class().is_retryable() && !is_malformed
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: TimeDelta = TimeDelta::hours(1);

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(1) + TimeDelta::minutes(minutes)
    }

    fn feed() -> Feed {
        "alpha_vantage/macro/CPI".parse().unwrap()
    }

    fn agenda(succeeded: Option<i64>) -> Agenda {
        let succeeded = succeeded.map(|minutes| (feed(), at(minutes))).into_iter().collect();
        Agenda::new([(feed(), HOUR)].into_iter(), &succeeded, at(0))
    }

    fn waits(agenda: &Agenda, error: &IngestError, times: usize) -> Vec<i64> {
        let wait = |_| {
            agenda.failed(&feed(), error, at(0));
            (agenda.all()[0].1.due_at - at(0)).num_minutes()
        };
        (0..times).map(wait).collect()
    }

    #[test]
    fn a_feed_is_due_at_first_and_after_every_success_and_given_out_once() {
        let agenda = agenda(None);
        assert_eq!(agenda.take_due("macro", at(0)), [feed()]);
        assert_eq!(agenda.take_due("macro", at(1)), [], "it is on its way");
        agenda.succeeded(&feed(), at(5));
        assert_eq!(agenda.take_due("macro", at(64)), []);
        assert_eq!(agenda.take_due("macro", at(65)), [feed()]);
    }

    #[test]
    fn a_feed_is_overdue_after_three_of_its_periods() {
        let standing = |succeeded, now| agenda(succeeded).all()[0].1.standing(at(now));
        assert_eq!(standing(None, 9_000), Standing::Never);
        assert_eq!(standing(Some(0), 180), Standing::Collected);
        assert_eq!(standing(Some(0), 181), Standing::Overdue);
        assert_eq!(standing(Some(500), 0), Standing::Collected, "the clock was set back");
    }

    #[test]
    fn a_restart_does_not_ask_again_before_it_is_due() {
        assert_eq!(agenda(Some(-20)).take_due("macro", at(39)), []);
        assert_eq!(agenda(Some(-20)).take_due("macro", at(40)), [feed()]);
        assert_eq!(agenda(Some(-500)).take_due("macro", at(0)), [feed()]);
        assert_eq!(
            agenda(Some(5_000)).take_due("macro", at(60)),
            [feed()],
            "the clock was set back"
        );
    }

    #[test]
    fn a_clock_set_back_while_running_holds_nothing_up() {
        let agenda = agenda(None);
        agenda.succeeded(&feed(), at(60 * 24 * 365));
        assert_eq!(agenda.take_due("macro", at(0)), [feed()]);
        agenda.succeeded(&feed(), at(0));
        assert_eq!(agenda.take_due("macro", at(1)), []);
    }

    #[test]
    fn t01_failures_wait_longer_each_time_and_start_anew_after_a_success() {
        let failing = agenda(None);
        let error = ProviderError::Throttled { retry_after: None }.into();
        assert_eq!(waits(&failing, &error, 8), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(failing.all()[0].1.trouble.as_ref().unwrap().attempts, 8);
        failing.succeeded(&feed(), at(0));
        assert_eq!(waits(&failing, &error, 1), [1]);
    }

    #[test]
    fn t02_what_asking_again_does_not_help_and_a_quota_that_is_used_up_wait_at_once() {
        let message = "no".to_owned();
        let error = ProviderError::Unauthorized { message }.into();
        assert_eq!(waits(&agenda(None), &error, 2), [60, 60]);
        let (detail, body) = ("no data".to_owned(), bytes::Bytes::new());
        let error = ProviderError::Malformed { detail, body }.into();
        assert_eq!(waits(&agenda(None), &error, 2), [60, 60]);
        let error = ProviderError::Exhausted { until: at(600) }.into();
        assert_eq!(waits(&agenda(None), &error, 3), [600, 600, 600]);
    }
}
