//! A rate limit, kept strictly: so many requests in any stretch of time, and none more.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::config::Limit;

/// The requests of the last stretch of a limit's length.
#[derive(Debug)]
pub(super) struct SlidingLog {
    pub(super) limit: Limit,
    /// When each request came, and whether it was admitted.
    seen: VecDeque<(DateTime<Utc>, bool)>,
    admitted: usize,
    /// The most requests there ever were in one stretch, refused ones included.
    pub(super) most: usize,
}

impl SlidingLog {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, seen: VecDeque::new(), admitted: 0, most: 0 }
    }

    /// Whether the limit leaves room for a request at `now`. A request is forgotten when the limit's
    /// length has passed, to the microsecond.
    pub(super) fn has_room(&mut self, now: DateTime<Utc>) -> bool {
        while self.seen.front().is_some_and(|(at, _)| *at + self.limit.span <= now) {
            let was_admitted = self.seen.pop_front().is_some_and(|(_, was_admitted)| was_admitted);
            self.admitted -= usize::from(was_admitted);
        }
        u32::try_from(self.admitted).is_ok_and(|admitted| admitted < self.limit.requests.get())
    }

    /// Notes a request that has just been looked at.
    pub(super) fn note(&mut self, now: DateTime<Utc>, is_admitted: bool) {
        self.seen.push_back((now, is_admitted));
        self.admitted += usize::from(is_admitted);
        self.most = self.most.max(self.seen.len());
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_stretch_of_the_limits_length_has_more_than_it_allows(
            requests in 1_u32..6,
            gaps in prop::collection::vec(0_i64..700, 1..120),
        ) {
            let span = TimeDelta::seconds(1);
            let limit = Limit { requests: requests.try_into().unwrap(), span };
            let mut log = SlidingLog::new(limit);
            let mut now = DateTime::UNIX_EPOCH;
            let mut admitted: Vec<DateTime<Utc>> = Vec::new();
            let mut all: Vec<DateTime<Utc>> = Vec::new();
            let mut most = 0;
            for gap in gaps {
                now += TimeDelta::milliseconds(gap);
                let within = |times: &[DateTime<Utc>]| times.iter().filter(|at| **at + span > now).count();
                let is_admitted = log.has_room(now);
                log.note(now, is_admitted);
                prop_assert_eq!(is_admitted, within(&admitted) < requests as usize);
                if is_admitted {
                    admitted.push(now);
                }
                all.push(now);
                most = most.max(within(&all));
            }
            prop_assert_eq!(log.most, most);
        }
    }
}
