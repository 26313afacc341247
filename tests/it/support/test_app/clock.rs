//! A clock that moves when a test says so, or, while `TestApp::run` waits, to the next wake-up.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use barkeep::clock::{Clock, ManualClock};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use tokio::sync::Notify;

/// Knows who sleeps, so that waiting out a retry moves time exactly as far as the retry asked for,
/// and a slow machine does not make time pass.
#[derive(Debug)]
pub(crate) struct SteppedClock {
    manual: ManualClock,
    wake_ups: Mutex<Vec<DateTime<Utc>>>,
    fell_asleep: Notify,
}

impl SteppedClock {
    pub(super) fn at(now: DateTime<Utc>) -> Self {
        let manual = ManualClock::at(now);
        Self { manual, wake_ups: Mutex::default(), fell_asleep: Notify::new() }
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.set(self.now() + by);
    }

    pub(crate) fn set(&self, now: DateTime<Utc>) {
        self.manual.set(now);
    }

    /// Waits until somebody sleeps, then moves time to the next wake-up.
    pub(super) async fn step(&self) {
        loop {
            let fell_asleep = self.fell_asleep.notified();
            let next = self.wake_ups().iter().min().copied();
            if let Some(next) = next {
                self.set(next.max(self.now()));
                // The sleeper has to run before it is off the list.
                tokio::task::yield_now().await;
                return;
            }
            fell_asleep.await;
        }
    }

    fn wake_ups(&self) -> MutexGuard<'_, Vec<DateTime<Utc>>> {
        self.wake_ups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> DateTime<Utc> {
        self.manual.now()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        // A clock knows no less than a microsecond; a retry's jitter does.
        let micros = i64::try_from(wait.as_nanos().div_ceil(1_000)).unwrap();
        let until = self.now() + TimeDelta::microseconds(micros);
        Box::pin(async move {
            let _sleeper = Sleeper::new(self, until);
            self.manual.sleep((until - self.now()).to_std().unwrap_or_default()).await;
        })
    }
}

/// On the list for as long as it sleeps, also when it is given up.
struct Sleeper<'a> {
    clock: &'a SteppedClock,
    until: DateTime<Utc>,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a SteppedClock, until: DateTime<Utc>) -> Self {
        clock.wake_ups().push(until);
        clock.fell_asleep.notify_one();
        Self { clock, until }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut wake_ups = self.clock.wake_ups();
        if let Some(place) = wake_ups.iter().position(|until| *until == self.until) {
            wake_ups.swap_remove(place);
        }
    }
}
