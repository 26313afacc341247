//! One provider's front door: who comes in, what goes wrong with them, and what it came to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};
use rand::{SeedableRng, rngs::StdRng};
use serde::Serialize;

use super::{Decision, Fault, Faults, Reply, SimulatedProvider, limit::SlidingLog};
use crate::{clock::Clock, config::Limit};

/// What public requests came to so far; `/simulator` itself does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// All public requests.
    pub requests: u64,
    /// Those answered with data, spoiled or not.
    pub served: u64,
    /// Those that asked for something wrong.
    pub refused: u64,
    /// Those above a rate limit, not counting the faults of the same look.
    pub throttled: u64,
    /// The most requests in any stretch of each limit, refused ones included: `10/s` and how many.
    pub most: BTreeMap<String, usize>,
    /// How often each fault took effect, by name; several may hit one request.
    pub faults: BTreeMap<&'static str, u64>,
}

/// What every request of one provider passes.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Arc<dyn Clock>,
    provider: SimulatedProvider,
    faults: RwLock<Faults>,
    chance: Mutex<StdRng>,
    counters: Mutex<Counters>,
    limits: Mutex<Vec<SlidingLog>>,
}

impl Gate {
    /// A gate without faults and without limits.
    pub(super) fn new(provider: SimulatedProvider, seed: u64, clock: Arc<dyn Clock>) -> Self {
        let seed = seed.wrapping_add(provider as u64);
        Self {
            clock,
            provider,
            faults: RwLock::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            counters: Mutex::default(),
            limits: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn faults(&self) -> Faults {
        *self.faults.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the faults in force; the chance that decides them runs on.
    pub(super) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Replaces the limits; what was counted in them is forgotten.
    pub(super) fn set_limits(&self, limits: &[Limit]) {
        *lock(&self.limits) = limits.iter().copied().map(SlidingLog::new).collect();
    }

    pub(super) fn counters(&self) -> Counters {
        let most = lock(&self.limits).iter().map(|log| (log.limit.to_string(), log.most)).collect();
        Counters { most, ..lock(&self.counters).clone() }
    }

    /// Counts a request, or names the limit it is above.
    pub(super) fn admit(&self) -> Result<(), Limit> {
        lock(&self.counters).requests += 1;
        let mut limits = lock(&self.limits);
        // Under the lock, so that requests are noted in the order of their times.
        let now = self.now();
        let mut above = None;
        for log in limits.iter_mut() {
            if !log.has_room(now) {
                above = above.or(Some(log.limit));
            }
        }
        for log in limits.iter_mut() {
            log.note(now, above.is_none());
        }
        let Some(limit) = above else { return Ok(()) };
        lock(&self.counters).throttled += 1;
        Err(limit)
    }

    /// What goes wrong with the next request.
    pub(super) fn decide(&self) -> Decision {
        self.faults().decide(self.provider, &mut lock(&self.chance))
    }

    pub(super) fn serve(&self, reply: Reply) -> Reply {
        lock(&self.counters).served += 1;
        reply
    }

    pub(super) fn refuse(&self, reply: Reply) -> Reply {
        lock(&self.counters).refused += 1;
        reply
    }

    pub(super) fn count_fault(&self, fault: Fault) {
        *lock(&self.counters).faults.entry(fault.name()).or_default() += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
