//! Stops asking a provider that does not answer, and looks now and then whether it does again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::ProviderError;

/// How a request ended, as far as the provider's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered, if only with a refusal.
    Answered,
    /// Nobody there, no answer, an error of its own, or an answer nobody can read.
    Failed,
    /// It does not accept our key: asking again changes nothing and may get us banned.
    Refused,
}

impl Health {
    pub(super) fn of<T>(outcome: &Result<T, ProviderError>) -> Self {
        match outcome {
            Err(ProviderError::Unauthorized { .. }) => Self::Refused,
            Err(
                ProviderError::Unreachable(_)
                | ProviderError::TimedOut
                | ProviderError::Upstream { .. }
                | ProviderError::Malformed { .. },
            ) => Self::Failed,
            _ => Self::Answered,
        }
    }
}

/// What an operator sees of the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    Closed,
    /// One request is let through to see.
    HalfOpen,
    Open,
}

/// So many failures in a row open the circuit.
const FAILURES: u32 = 5;
const FIRST_COOL_DOWN: TimeDelta = TimeDelta::seconds(30);
const LONGEST_COOL_DOWN: TimeDelta = TimeDelta::minutes(10);
/// A key does not mend itself.
const KEY_COOL_DOWN: TimeDelta = TimeDelta::minutes(15);

/// One per account.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
    /// Openings in a row without a success in between.
    openings: u32,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    until: DateTime<Utc>,
    cool_down: TimeDelta,
    is_probed: bool,
}

/// The right to send one request. Dropped without a word it changes nothing.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// A permit, or until when there is none.
    pub(super) fn admit(&self, now: DateTime<Utc>) -> Result<Permit<'_>, DateTime<Utc>> {
        let mut state = self.state();
        let Some(open) = &mut state.open else {
            return Ok(Permit { breaker: self, is_probe: false });
        };
        // A clock that is set back must not keep it open for longer.
        open.until = open.until.min(now + open.cool_down);
        if now < open.until || open.is_probed {
            return Err(open.until.max(now + TimeDelta::seconds(1)));
        }
        open.is_probed = true;
        Ok(Permit { breaker: self, is_probe: true })
    }

    pub(super) fn circuit(&self, now: DateTime<Utc>) -> Circuit {
        match self.state().open {
            None => Circuit::Closed,
            Some(open) if now < open.until => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// Until when nothing is sent.
    pub(super) fn open_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.state().open.map(|open| open.until).filter(|until| now < *until)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Says how the request ended; returns what the circuit became by that, if it changed.
    pub(super) fn ended(self, health: Health, now: DateTime<Utc>) -> Option<Circuit> {
        let mut state = self.breaker.state();
        if health == Health::Answered {
            state.failures = 0;
            // An answer to an old request does not prove that the provider is well now.
            if self.is_probe || state.open.is_none() {
                *state = State::default();
            }
            return self.is_probe.then_some(Circuit::Closed);
        }
        state.failures += 1;
        let is_key = health == Health::Refused;
        if state.open.is_some() && !self.is_probe
            || !is_key && !self.is_probe && state.failures < FAILURES
        {
            return None;
        }
        let doubled = FIRST_COOL_DOWN * 2_i32.pow(state.openings.min(8));
        let cool_down = if is_key { KEY_COOL_DOWN } else { doubled.min(LONGEST_COOL_DOWN) };
        state.open = Some(Open { until: now + cool_down, cool_down, is_probed: false });
        state.openings += 1;
        Some(Circuit::Open)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(open) = &mut self.breaker.state().open
        {
            open.is_probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn end(breaker: &Breaker, health: Health, now: DateTime<Utc>) -> Option<Circuit> {
        breaker.admit(now).unwrap().ended(health, now)
    }

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        let changes: Vec<_> = (0..FAILURES).map(|_| end(&breaker, Health::Failed, at(0))).collect();
        assert_eq!(changes, [None, None, None, None, Some(Circuit::Open)]);
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| assert_eq!(end(&breaker, Health::Failed, at(0)), None));
            assert_eq!(end(&breaker, Health::Answered, at(0)), None);
        }
        assert_eq!(breaker.circuit(at(0)), Circuit::Closed);
        assert_eq!(opened().admit(at(0)).unwrap_err(), at(30));
    }

    #[test]
    fn t02_a_refused_key_opens_it_at_once_and_for_long() {
        let breaker = Breaker::default();
        assert_eq!(end(&breaker, Health::Refused, at(0)), Some(Circuit::Open));
        assert_eq!(breaker.admit(at(899)).unwrap_err(), at(900));
        assert!(breaker.admit(at(900)).is_ok());
    }

    #[test]
    fn one_probe_at_a_time_decides_and_each_failure_waits_twice_as_long() {
        let breaker = opened();
        let probe = breaker.admit(at(30)).unwrap();
        assert!(breaker.admit(at(31)).is_err(), "one at a time");
        drop(probe);
        assert_eq!(end(&breaker, Health::Failed, at(31)), Some(Circuit::Open));
        assert_eq!(breaker.admit(at(32)).unwrap_err(), at(91));
        assert_eq!(end(&breaker, Health::Answered, at(91)), Some(Circuit::Closed));
        assert_eq!(breaker.circuit(at(91)), Circuit::Closed);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let breaker = opened();
        assert_eq!(breaker.admit(at(-50_000)).unwrap_err(), at(-50_000 + 30));
    }

    proptest! {
        #[test]
        fn it_never_closes_without_an_answer_and_never_probes_twice_at_once(
            steps in prop::collection::vec((0_i64..700, 0_u8..4), 1..100),
        ) {
            let breaker = opened();
            let (mut now, mut held) = (0, None);
            for (wait, action) in steps {
                now += wait;
                if held.is_none() {
                    held = breaker.admit(at(now)).ok();
                } else {
                    prop_assert!(breaker.admit(at(now)).is_err());
                }
                match (action, held.take()) {
                    (0, Some(permit)) => _ = permit.ended(Health::Failed, at(now)),
                    (1, Some(permit)) => drop(permit),
                    (_, permit) => held = permit,
                }
                prop_assert_ne!(breaker.circuit(at(now)), Circuit::Closed);
            }
        }
    }
}
