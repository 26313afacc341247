//! What was spent of one limit: a sliding log, coarse enough to stay small.
//!
//! A request reaches the provider some time between when it is sent and when it is answered. It counts
//! until the latter, so that however long the network takes, the provider never counts more than is
//! allowed; only of a high rate that would cost too much, and a margin has to do.

use std::{collections::VecDeque, fmt};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::Lane;
use crate::{config::Limit, market::ProviderId};

/// What is left of a limit in thousandths of its span, where requests count from the sending: the
/// network may squeeze what was sent evenly.
const MARGIN_PERMILLE: i32 = 5;

/// Limits over shorter spans are spent again before a process can restart.
const REMEMBERED: TimeDelta = TimeDelta::seconds(10);

/// Limits over such spans cannot be spread evenly without keeping a morning's work for the night,
/// so they keep a share for those who come later.
const LONG: TimeDelta = TimeDelta::minutes(10);

/// The requests of one limit, as written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    pub span: TimeDelta,
    /// Microseconds since 1970, and how many requests; oldest first.
    pub requests: Vec<(i64, u32)>,
}

/// Where spending is written down, so that a restart does not spend it twice.
pub trait SpendLog: Send + Sync + fmt::Debug {
    /// Everything that is known of an account.
    fn spent<'a>(&'a self, account: &'a ProviderId) -> BoxFuture<'a, anyhow::Result<Vec<Spent>>>;

    /// Replaces what is known of the spans in `spent`.
    fn remember<'a>(
        &'a self,
        account: &'a ProviderId,
        spent: Vec<Spent>,
    ) -> BoxFuture<'a, anyhow::Result<()>>;
}

#[derive(Debug)]
pub(super) struct Spending {
    limit: Limit,
    /// How long a request counts.
    span: TimeDelta,
    /// Requests closer together than this are one entry.
    grain: TimeDelta,
    requests: VecDeque<(DateTime<Utc>, u32)>,
    /// Sent and not answered yet; in `used`, and not among `requests`.
    in_flight: u32,
    used: u32,
}

impl Spending {
    pub(super) fn new(limit: Limit) -> Self {
        let grain = limit.span / 10_000;
        let requests = VecDeque::new();
        let mut new = Self { limit, span: limit.span, grain, requests, in_flight: 0, used: 0 };
        if !new.is_strict() {
            new.span += limit.span * MARGIN_PERMILLE / 1_000;
        }
        new
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// The even distance of requests; `None` for a quota of a day, which work must not wait for.
    pub(super) fn step(&self) -> Option<TimeDelta> {
        let requests = i32::try_from(self.limit.requests.get()).unwrap_or(i32::MAX);
        (self.limit.span < LONG).then(|| self.span / requests)
    }

    pub(super) fn used(&mut self, now: DateTime<Utc>) -> u32 {
        self.forget(now);
        self.used
    }

    /// When the lane may spend the next request; `None` if it may now.
    pub(super) fn free_at(&mut self, lane: Lane, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.forget(now);
        let allowed = self.allowed(lane);
        let mut left = self.used;
        if left < allowed {
            return None;
        }
        let frees = |(at, requests): &(DateTime<Utc>, u32)| {
            left -= requests;
            (left < allowed).then(|| *at + self.span)
        };
        // Where only requests in flight are in the way, the first answer will tell.
        self.requests.iter().find_map(frees).or(Some(now + TimeDelta::seconds(1)))
    }

    pub(super) fn spend(&mut self, now: DateTime<Utc>) {
        self.used += 1;
        if self.is_strict() {
            self.in_flight += 1;
        } else {
            self.log(now);
        }
    }

    pub(super) fn answered(&mut self, now: DateTime<Utc>) {
        if self.is_strict() {
            self.in_flight -= 1;
            self.log(now);
        }
    }

    /// Whether a request counts until it is answered.
    fn is_strict(&self) -> bool {
        self.is_remembered() || self.limit.requests.get() == 1
    }

    fn is_remembered(&self) -> bool {
        self.limit.span >= REMEMBERED
    }

    fn log(&mut self, now: DateTime<Utc>) {
        match self.requests.back_mut() {
            Some((at, requests)) if now <= *at => *requests += 1,
            // The later end of the grain counts, so that nothing expires too early.
            _ => self.requests.push_back((now + self.grain, 1)),
        }
    }

    pub(super) fn shift(&mut self, back: TimeDelta) {
        self.requests.iter_mut().for_each(|(at, _)| *at -= back);
    }

    /// `None` where nothing needs to be written down.
    pub(super) fn spent(&self, now: DateTime<Utc>) -> Option<Spent> {
        let in_flight = (self.in_flight > 0).then_some((now, self.in_flight));
        let requests = self.requests.iter().copied().chain(in_flight);
        let requests = requests.map(|(at, count)| (at.timestamp_micros(), count));
        self.is_remembered().then(|| Spent { span: self.limit.span, requests: requests.collect() })
    }

    pub(super) fn restore(&mut self, all: &[Spent], now: DateTime<Utc>) {
        let spent = all.iter().filter(|spent| spent.span == self.limit.span);
        for (micros, count) in spent.flat_map(|spent| &spent.requests) {
            let at = DateTime::from_timestamp_micros(*micros).unwrap_or(now).min(now + self.grain);
            self.requests.push_back((at, *count));
            self.used += count;
        }
        self.requests.make_contiguous().sort_unstable();
        self.forget(now);
    }

    /// The last of a long span is kept for live polls, and something for repairs.
    fn allowed(&self, lane: Lane) -> u32 {
        let all = u64::from(self.limit.requests.get());
        let percent = match lane {
            _ if self.limit.span < LONG => 100,
            Lane::Live => 100,
            Lane::Repair => 90,
            Lane::Backfill => 80,
        };
        u32::try_from(all * percent / 100).unwrap_or(u32::MAX).max(1)
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        while let Some((at, requests)) = self.requests.front() {
            if *at + self.span > now {
                break;
            }
            self.used -= requests;
            self.requests.pop_front();
        }
    }
}
