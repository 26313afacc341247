//! How much one caller may ask for: a bucket that holds one second's worth and fills evenly.
//!
//! A bucket is one number, the instant at which it will be full again (the generic cell rate
//! algorithm). There is a fixed number of them, callers are spread over them by a hash that nobody
//! can predict, and two who meet share one. So nothing grows, whoever asks, and no lock is taken.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};

#[derive(Debug)]
pub struct Limiter {
    /// 0 for no limit.
    per_second: u32,
    /// When each bucket is full again, in nanoseconds since 1970.
    full_at: Box<[AtomicI64]>,
    spread: RandomState,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Granted,
    /// The next one is granted in so many seconds, at least 1.
    Refused {
        retry_after: i64,
    },
}

const BUCKETS: usize = 1 << 14;
const SECOND: i64 = 1_000_000_000;

impl Limiter {
    pub fn new(per_second: u32) -> Self {
        let buckets = if per_second == 0 { 0 } else { BUCKETS };
        let full_at = std::iter::repeat_with(AtomicI64::default).take(buckets).collect();
        Self { per_second, full_at, spread: RandomState::new() }
    }

    pub const fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Takes one request out of the caller's bucket, if it is not empty.
    pub fn take(&self, caller: impl Hash, now: DateTime<Utc>) -> Turn {
        if self.per_second == 0 {
            return Turn::Granted;
        }
        let cost = SECOND / i64::from(self.per_second);
        let now = now.timestamp_micros().saturating_mul(1_000);
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let number = self.spread.hash_one(caller) as usize % BUCKETS;
        let taken =
            self.full_at[number].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                // A clock that was set back must not lock anybody out.
                let full_at = if full_at > now + SECOND { now } else { full_at.max(now) };
                (full_at + cost <= now + SECOND).then_some(full_at + cost)
            });
        match taken {
            Ok(_) => Turn::Granted,
            Err(full_at) => {
                let wait = full_at + cost - SECOND - now;
                Turn::Refused { retry_after: wait.div_euclid(SECOND) + 1 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn granted(limiter: &Limiter, caller: &str, at: DateTime<Utc>) -> usize {
        (0..100).filter(|_| limiter.take(caller, at) == Turn::Granted).count()
    }

    #[test]
    fn a_caller_gets_a_seconds_worth_at_once_and_then_evenly() {
        let limiter = Limiter::new(10);
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        assert_eq!(granted(&limiter, "a", start), 10);
        assert_eq!(limiter.take("a", start), Turn::Refused { retry_after: 1 });
        assert_eq!(granted(&limiter, "a", start + TimeDelta::milliseconds(99)), 0);
        assert_eq!(granted(&limiter, "a", start + TimeDelta::milliseconds(250)), 2);
        assert_eq!(granted(&limiter, "a", start + TimeDelta::hours(1)), 10);
    }

    #[test]
    fn callers_do_not_take_from_one_another_but_where_they_meet() {
        let limiter = Limiter::new(10);
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let callers = (0..100).map(|number| format!("caller {number}"));
        let served = callers.filter(|caller| granted(&limiter, caller, start) == 10).count();
        assert!(served > 80, "{served}");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limiter = Limiter::new(10);
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        assert_eq!(granted(&limiter, "a", start), 10);
        assert_eq!(granted(&limiter, "a", start - TimeDelta::hours(1)), 10);
    }

    #[test]
    fn without_a_limit_everything_is_granted() {
        assert_eq!(granted(&Limiter::new(0), "a", DateTime::UNIX_EPOCH), 100);
    }
}
