//! The rate limit of the exchange: a token bucket in real time.

use tokio::time::Instant;

/// How many public requests are answered before the exchange says 429.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Requests per second of real time, on average.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: f64,
}

impl RateLimit {
    /// What Coinbase Exchange allows one address: 10 per second, 15 at once.
    pub const COINBASE: Self = Self { per_second: 10.0, burst: 15.0 };
}

/// Requests that may still be answered; refills with time.
#[derive(Debug)]
pub(super) struct TokenBucket {
    limit: RateLimit,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    pub(super) fn full(limit: RateLimit, now: Instant) -> Self {
        Self { limit, tokens: limit.burst, filled_at: now }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + seconds * self.limit.per_second).min(self.limit.burst);
        self.filled_at = now;
        let has_token = self.tokens >= 1.0;
        if has_token {
            self.tokens -= 1.0;
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_allowed_and_refills() {
        let begun = Instant::now();
        let mut bucket = TokenBucket::full(RateLimit::COINBASE, begun);
        let mut taken = |millis| {
            let now = begun + Duration::from_millis(millis);
            (0..30).filter(|_| bucket.take(now)).count()
        };
        assert_eq!((taken(0), taken(501), taken(60_000)), (15, 5, 15));
    }
}
