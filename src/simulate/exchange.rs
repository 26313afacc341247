//! The exchange's state and its decision on each request, before any HTTP.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use rand::{SeedableRng, rngs::SmallRng, rngs::StdRng};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Answer, CandleQuery, Decision, Fault, Faults, MarketCandle, Outcome, RateLimit, Refusal, Reply,
    SimulatedMarket, SimulationConfig,
    candle::write_rows,
    limit::TokenBucket,
    question::{read_bounds, read_granularity},
    reply::{replaced_by, throttled},
    spoil::{Asked, spoil_rows, write_with_bad_row},
};
use crate::clock::Clock;

/// How many of the newest candles answer a request without bounds.
const NEWEST_CANDLES: i64 = 350;

/// A simulated exchange that any number of connections and tests may share.
#[derive(Debug)]
pub struct SimulatedExchange {
    market: SimulatedMarket,
    clock: Arc<dyn Clock>,
    faults: RwLock<Faults>,
    chance: Mutex<StdRng>,
    counters: Mutex<Counters>,
    bucket: Option<Mutex<TokenBucket>>,
}

/// What public requests came to so far; `/simulator` itself does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// All public requests.
    pub requests: u64,
    /// Those answered with data, spoiled or not.
    pub served: u64,
    /// Those that asked for something wrong: 400 and 404.
    pub refused: u64,
    /// Those above the rate limit, not counting the fault of the same look.
    pub rate_limited: u64,
    /// How often each fault took effect, by name; several may hit one request.
    pub faults: BTreeMap<&'static str, u64>,
}

impl SimulatedExchange {
    /// An exchange without faults and without a rate limit.
    pub fn new(config: &SimulationConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            market: SimulatedMarket::new(config),
            clock,
            faults: RwLock::default(),
            chance: Mutex::new(StdRng::seed_from_u64(config.seed)),
            counters: Mutex::default(),
            bucket: None,
        }
    }

    /// The same with a rate limit on public requests, in real time.
    pub fn with_rate_limit(mut self, limit: RateLimit) -> Self {
        let bucket = TokenBucket::full(limit, Instant::now());
        self.bucket = Some(Mutex::new(bucket));
        self
    }

    /// The market behind the exchange.
    pub fn market(&self) -> &SimulatedMarket {
        &self.market
    }

    /// The exchange's present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The faults in force.
    pub fn faults(&self) -> Faults {
        *self.faults.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the faults in force; the chance that decides them runs on.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// What requests came to so far.
    pub fn counters(&self) -> Counters {
        lock(&self.counters).clone()
    }

    /// Closed candles that open within `[start, end)`, unix seconds, as they finally stand.
    ///
    /// Oldest first, without faults and without limit. Revisions yet to come are in it already.
    pub fn truth(
        &self,
        product: &str,
        granularity: i64,
        start: i64,
        end: i64,
    ) -> Vec<MarketCandle> {
        // A candle is closed when it opens at least its own length before now.
        let end = end.min(self.now().timestamp().saturating_sub(granularity).saturating_add(1));
        self.market.candles(product, granularity, start, end, i64::MAX).collect()
    }

    /// Decides a request for candles and counts it.
    pub fn answer(&self, product: &str, query: &CandleQuery) -> Answer {
        let at_once = |reply| Answer { delay: Duration::ZERO, outcome: Outcome::Reply(reply) };
        if let Err(reply) = self.admit() {
            return at_once(reply);
        }
        let faults = self.faults();
        let decision = faults.decide(&mut lock(&self.chance));
        let mut delay = Duration::ZERO;
        if decision.hits.contains(&Fault::Slow) {
            self.count_fault(Fault::Slow);
            delay = Duration::from_millis(faults.slow_millis);
        }
        let outcome = self.replacement(&decision).unwrap_or_else(|| {
            Outcome::Reply(match self.candles(product, query) {
                Ok((rows, asked)) => self.spoiled(rows, asked, &decision),
                Err(refusal) => self.refuse(refusal),
            })
        });
        Answer { delay, outcome }
    }

    /// Counts a public request and takes a token for it, or says why not.
    pub(super) fn admit(&self) -> Result<(), Reply> {
        lock(&self.counters).requests += 1;
        let has_token = |bucket: &Mutex<TokenBucket>| lock(bucket).take(Instant::now());
        if self.bucket.as_ref().is_none_or(has_token) {
            return Ok(());
        }
        lock(&self.counters).rate_limited += 1;
        Err(throttled(None))
    }

    pub(super) fn serve(&self, body: impl Into<Vec<u8>>) -> Reply {
        lock(&self.counters).served += 1;
        Reply::json(200, body)
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> Reply {
        lock(&self.counters).refused += 1;
        refusal.into()
    }

    fn count_fault(&self, fault: Fault) {
        *lock(&self.counters).faults.entry(fault.name()).or_default() += 1;
    }

    /// What the first fault that needs no data makes of the request.
    fn replacement(&self, decision: &Decision) -> Option<Outcome> {
        let replace = |fault: &Fault| Some((*fault, replaced_by(*fault, self.now())?));
        let (fault, outcome) = decision.hits.iter().find_map(replace)?;
        self.count_fault(fault);
        Some(outcome)
    }

    /// Published rows, newest first, or what is wrong with the question.
    fn candles(
        &self,
        product: &str,
        query: &CandleQuery,
    ) -> Result<(Vec<MarketCandle>, Asked), Refusal> {
        if !self.market.has_product(product) {
            return Err(Refusal::NotFound);
        }
        let granularity = read_granularity(query.granularity.as_deref())?;
        let now = self.now().timestamp();
        let (start, end) = match (&query.start, &query.end) {
            (Some(start), Some(end)) => read_bounds(start, end, granularity)?,
            _ => (now - NEWEST_CANDLES * granularity + 1, now),
        };
        let after_end = end.saturating_add(1);
        let mut rows: Vec<_> =
            self.market.candles(product, granularity, start, after_end, now).collect();
        rows.reverse();
        Ok((rows, Asked { granularity, now }))
    }

    /// A right answer, and what its faults make of it.
    fn spoiled(&self, mut rows: Vec<MarketCandle>, asked: Asked, decision: &Decision) -> Reply {
        let mut chance = SmallRng::seed_from_u64(decision.details);
        for fault in &decision.hits {
            if spoil_rows(&mut rows, *fault, asked, &mut chance) {
                self.count_fault(*fault);
            }
        }
        let mut body = if decision.hits.contains(&Fault::BadRow) && !rows.is_empty() {
            self.count_fault(Fault::BadRow);
            write_with_bad_row(&rows, asked, &mut chance)
        } else {
            write_rows(&rows)
        };
        if decision.hits.contains(&Fault::Torn) {
            self.count_fault(Fault::Torn);
            body.truncate(body.len() / 2);
        }
        self.serve(body)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
