//! Time as a parameter: the system clock, a scaled one for simulations, a hand-moved one for tests.

use std::{
    fmt,
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use tokio::sync::Notify;

/// Where the program reads the time and waits for it to pass.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant, UTC, microsecond precision.
    fn now(&self) -> DateTime<Utc>;

    /// Waits until `wait` of this clock's time has passed.
    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()>;
}

/// The machine's own clock, optionally run faster from an agreed origin.
///
/// Two processes given the same origin and speed read the same time, which lets a daemon and a
/// simulated exchange live through a day in minutes together.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    /// Real instant at which market time and real time agree.
    origin: DateTime<Utc>,
    speed: f64,
}

impl SystemClock {
    /// Market time is real time.
    pub fn real() -> Self {
        Self { origin: DateTime::UNIX_EPOCH, speed: 1.0 }
    }

    /// From `origin` (real time) on, market time runs `speed` times as fast.
    pub fn scaled(origin: DateTime<Utc>, speed: f64) -> Self {
        Self { origin, speed }
    }

    fn real_now() -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        let real = Self::real_now();
        if self.speed == 1.0 {
            return real;
        }
        let elapsed = (real - self.origin).num_microseconds().unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, reason = "microseconds fit for 290,000 years")]
        let scaled = (elapsed as f64 * self.speed) as i64;
        self.origin + TimeDelta::microseconds(scaled)
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        let real = if self.speed == 1.0 { wait } else { wait.div_f64(self.speed) };
        Box::pin(tokio::time::sleep(real))
    }
}

/// A clock that stands still until a test or a simulation moves it.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<DateTime<Utc>>,
    moved: Notify,
}

impl ManualClock {
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { now: Mutex::new(now), moved: Notify::new() }
    }

    /// Moves time forward and wakes whoever was waiting for it.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        self.set(self.now() + by);
    }

    /// Moves time to `now`, also backwards: clocks do step back.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        self.moved.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        let until = self.now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                if self.now() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}
