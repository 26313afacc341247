//! One provider account's requests per second, shared by two lanes: live before backfill.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::clock::Clock;

/// Who asks. A backfill takes a request only while no live poll wants one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Live,
    Backfill,
}

impl Lane {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backfill => "backfill",
        }
    }
}

/// A generic cell rate: requests are spaced evenly, with bursts of a few after a pause.
///
/// Own code because time must come from the [`Clock`] and lanes must not starve each other, which
/// the rate-limiting crates offer no hook for.
pub struct Budget {
    clock: Arc<dyn Clock>,
    spacing: TimeDelta,
    /// How far ahead of an even pace a burst may run.
    tolerance: TimeDelta,
    pace: Mutex<Pace>,
    live_waiting: AtomicUsize,
    live_served: Notify,
    /// Backfills queue here, so that only one of them ever competes with a live poll.
    backfill_turn: AsyncMutex<()>,
}

#[derive(Debug)]
struct Pace {
    /// When the next request is due at an even pace.
    due: DateTime<Utc>,
    /// The latest reading of the clock.
    seen: DateTime<Utc>,
}

impl Pace {
    /// A clock set back takes `due` with it, or nothing would be sent until it has caught up.
    fn read(&mut self, clock: &dyn Clock) -> DateTime<Utc> {
        let now = clock.now();
        self.due -= (self.seen - now).max(TimeDelta::zero());
        self.seen = now;
        now
    }
}

impl Budget {
    pub fn new(clock: Arc<dyn Clock>, per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let spacing = TimeDelta::microseconds(1_000_000 / i64::from(per_second.get()));
        let ahead = i32::try_from(burst.get() - 1).unwrap_or(i32::MAX);
        Self {
            clock,
            spacing,
            tolerance: spacing * ahead,
            pace: Mutex::new(Pace { due: DateTime::UNIX_EPOCH, seen: DateTime::UNIX_EPOCH }),
            live_waiting: AtomicUsize::new(0),
            live_served: Notify::new(),
            backfill_turn: AsyncMutex::new(()),
        }
    }

    /// Waits for the right to send one request.
    pub async fn acquire(&self, lane: Lane) {
        match lane {
            Lane::Live => {
                let _waiting = LiveWaiting::enter(self);
                while let Some(wait) = self.take() {
                    self.clock.sleep(wait).await;
                }
            }
            Lane::Backfill => {
                let _turn = self.backfill_turn.lock().await;
                loop {
                    let served = self.live_served.notified();
                    if self.live_waiting.load(Ordering::SeqCst) > 0 {
                        served.await;
                    } else if let Some(wait) = self.take() {
                        self.clock.sleep(wait).await;
                    } else {
                        return;
                    }
                }
            }
        }
    }

    /// Sends nothing for `wait`: the provider said so.
    pub fn pause(&self, wait: Duration) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let now = pace.read(self.clock.as_ref());
        let until = now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::zero());
        pace.due = pace.due.max(until + self.tolerance);
    }

    /// Takes a request now, or says how long there is none.
    fn take(&self) -> Option<Duration> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let now = pace.read(self.clock.as_ref());
        let wait = pace.due - self.tolerance - now;
        if wait > TimeDelta::zero() {
            return wait.to_std().ok();
        }
        pace.due = pace.due.max(now) + self.spacing;
        None
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("spacing", &self.spacing).finish_non_exhaustive()
    }
}

struct LiveWaiting<'a>(&'a Budget);

impl<'a> LiveWaiting<'a> {
    fn enter(budget: &'a Budget) -> Self {
        budget.live_waiting.fetch_add(1, Ordering::SeqCst);
        Self(budget)
    }
}

impl Drop for LiveWaiting<'_> {
    fn drop(&mut self) {
        self.0.live_waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.live_served.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::clock::ManualClock;

    fn budget(per_second: u32, burst: u32) -> (Arc<ManualClock>, Arc<Budget>) {
        let clock = Arc::new(ManualClock::at("2024-01-01T00:00:00Z".parse().unwrap()));
        let count = |n| NonZeroU32::new(n).unwrap();
        (clock.clone(), Arc::new(Budget::new(clock, count(per_second), count(burst))))
    }

    fn is_granted(budget: &Budget, lane: Lane) -> bool {
        budget.acquire(lane).now_or_never().is_some()
    }

    #[test]
    fn no_second_ever_sees_more_than_the_rate_and_one_burst() {
        let (clock, budget) = budget(10, 5);
        let mut granted_at = Vec::new();
        for tick in 0..3_000 {
            if is_granted(&budget, Lane::Backfill) {
                granted_at.push(tick);
            }
            clock.advance(Duration::from_millis(1));
        }
        for start in 0..2_000 {
            let within =
                granted_at.iter().filter(|at| (start..start + 1_000).contains(*at)).count();
            assert!(within <= 15, "{within} requests within a second");
        }
        assert!(granted_at.len() >= 34, "the rate is used: {}", granted_at.len());
    }

    #[tokio::test]
    async fn a_waiting_live_poll_goes_before_every_backfill() {
        let (clock, budget) = budget(1, 1);
        assert!(is_granted(&budget, Lane::Backfill));
        let mut backfill = Box::pin(budget.acquire(Lane::Backfill));
        assert!(backfill.as_mut().now_or_never().is_none());
        let mut live = Box::pin(budget.acquire(Lane::Live));
        assert!(live.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(backfill.as_mut().now_or_never().is_none(), "the backfill steps back");
        assert!(live.as_mut().now_or_never().is_some());
        drop(live);
        clock.advance(Duration::from_secs(1));
        assert!(backfill.as_mut().now_or_never().is_some(), "and is served after it");
    }

    #[test]
    fn t18_a_pause_holds_both_lanes() {
        let (clock, budget) = budget(10, 5);
        budget.pause(Duration::from_secs(30));
        assert!(!is_granted(&budget, Lane::Live) && !is_granted(&budget, Lane::Backfill));
        clock.advance(Duration::from_secs(30));
        assert!(is_granted(&budget, Lane::Live));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let (clock, budget) = budget(10, 1);
        assert!(is_granted(&budget, Lane::Live));
        clock.set(clock.now() - TimeDelta::hours(5));
        assert!(!is_granted(&budget, Lane::Live), "the pace is kept");
        clock.advance(Duration::from_millis(100));
        assert!(is_granted(&budget, Lane::Live), "and no more than that");
    }
}
