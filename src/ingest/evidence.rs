//! What an answer proves about every candle of its window, also about those it does not contain.
//!
//! A hole in an answer may be a candle in which nothing traded, or one that the provider forgot
//! this time. So a hole must be seen several times, some time apart, in answers that can be
//! believed: an answer that lacks candles known to exist proves nothing about the others. And a
//! hole is only one if a candle follows it: a feed that has frozen looks like a quiet market.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    config::IngestConfig,
    market::{CandleState, Fact, Ledger, Run, Timeframe, Window},
};

/// How often a candle must be absent before it counts as "no trade".
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Whether the source can be asked again at all; if not, a hole is never proof.
    pub can_confirm: bool,
    /// In answers that contain candles.
    pub confirmations: u8,
    /// In answers without any candle, where none is known that should have been in it.
    pub empty_confirmations: u8,
    /// Answers closer together than this count once.
    pub reask_after: TimeDelta,
}

impl Policy {
    /// For candles that a provider is asked for.
    pub fn of_provider(config: &IngestConfig) -> Self {
        Self {
            can_confirm: true,
            confirmations: config.confirmations,
            empty_confirmations: config.empty_confirmations,
            reask_after: config.reask_after,
        }
    }
}

/// One answer, reduced to which candles it had.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) window: Window,
    /// Open times of the valid candles, microseconds, ascending.
    pub(super) valid: &'a [i64],
    /// Open times of the refused ones.
    pub(super) refused: BTreeSet<DateTime<Utc>>,
    pub(super) asked_at: DateTime<Utc>,
}

/// The facts an answer establishes, and what was remarkable about it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) facts: Vec<Run<Fact>>,
    /// The answer lacks candles that should be there: it is no proof of absence.
    pub(super) is_suspicious: bool,
    /// Candles that are now confirmed not to exist.
    pub(super) confirmed: u64,
    /// Candles that came although they had been confirmed not to exist.
    pub(super) overturned: u64,
}

/// Compares an answer with the ledger.
pub(super) fn findings(
    ledger: &Ledger,
    timeframe: Timeframe,
    answer: &Answer<'_>,
    policy: Policy,
) -> Findings {
    let mut weigher = Weigher::new(ledger, timeframe, answer, policy);
    let mut at = answer.window.start;
    let follows = |before: &i64, after: &i64| after - before == timeframe.micros();
    for consecutive in answer.valid.chunk_by(follows) {
        let (Some(first), Some(last)) = (consecutive.first(), consecutive.last()) else { continue };
        let instant = |micros: i64| DateTime::from_timestamp_micros(micros).unwrap_or_default();
        let came = Window::new(instant(*first), instant(last + timeframe.micros()));
        weigher.holes(Window::new(at, came.start));
        weigher.came(came);
        at = came.end;
    }
    weigher.holes(Window::new(at, answer.window.end));
    weigher.findings
}

struct Weigher<'a> {
    ledger: &'a Ledger,
    timeframe: Timeframe,
    answer: &'a Answer<'a>,
    policy: Policy,
    /// Answers needed, and whether this one counts.
    needed: u8,
    counts: bool,
    /// No candle is known to exist before this one.
    first_candle: Option<DateTime<Utc>>,
    /// The newest candle known to exist; nothing is ever concluded about what follows it.
    last_candle: Option<DateTime<Utc>>,
    /// Up to here, from the ledger's origin on, the provider has no candles at all.
    history_from: DateTime<Utc>,
    findings: Findings,
}

impl<'a> Weigher<'a> {
    fn new(
        ledger: &'a Ledger,
        timeframe: Timeframe,
        answer: &'a Answer<'a>,
        policy: Policy,
    ) -> Self {
        let has = |at: DateTime<Utc>| answer.valid.binary_search(&at.timestamp_micros()).is_ok();
        let vanished = ledger
            .facts(answer.window)
            .filter(|run| run.value.has_landed())
            .flat_map(|run| run.window.open_times(timeframe))
            .any(|at| !has(at) && !answer.refused.contains(&at));
        let is_empty = answer.valid.is_empty() && answer.refused.is_empty();
        let expects = !ledger.calendar().expected(answer.window, timeframe).is_empty();
        let last_valid = answer.valid.last().and_then(|at| DateTime::from_timestamp_micros(*at));
        let first_valid = answer.valid.first().and_then(|at| DateTime::from_timestamp_micros(*at));
        Self {
            ledger,
            timeframe,
            answer,
            policy,
            needed: if is_empty { policy.empty_confirmations } else { policy.confirmations },
            counts: !vanished && policy.can_confirm,
            first_candle: ledger.first_final().into_iter().chain(first_valid).min(),
            last_candle: ledger
                .last_final(DateTime::<Utc>::MAX_UTC)
                .into_iter()
                .chain(last_valid)
                .max(),
            history_from: history_from(ledger, answer.window.end),
            findings: Findings {
                is_suspicious: vanished || (is_empty && expects),
                ..Findings::default()
            },
        }
    }

    fn came(&mut self, window: Window) {
        let denied = self
            .ledger
            .facts(window)
            .filter(|run| matches!(run.value, Fact::NoTrade | Fact::BeforeHistory));
        let overturned: i64 = denied.map(|run| run.window.candles(self.timeframe)).sum();
        self.findings.overturned += overturned.unsigned_abs();
        self.push(window, Fact::Final);
    }

    /// The stretch between two candles of the answer.
    fn holes(&mut self, window: Window) {
        for expected in self.ledger.calendar().expected(window, self.timeframe) {
            for open_time in expected.intersect(window).open_times(self.timeframe) {
                self.hole(open_time);
            }
        }
        for open_time in self.answer.refused.range(window.start..window.end.max(window.start)) {
            match self.ledger.fact_at(*open_time) {
                Some(Fact::Final) => {}
                Some(Fact::Doubted { asks, .. }) => self.doubt(*open_time, asks),
                Some(Fact::Quarantined { asks, .. }) => self.quarantine(*open_time, asks),
                _ => self.quarantine(*open_time, 0),
            }
        }
    }

    fn hole(&mut self, open_time: DateTime<Utc>) {
        if self.answer.refused.contains(&open_time) {
            return;
        }
        let now = self.answer.asked_at.timestamp_micros();
        let (asks, asked_at) = match self.ledger.fact_at(open_time) {
            None => (0, i64::MIN),
            Some(Fact::Absent { asks, asked_at }) => (asks, asked_at),
            Some(Fact::Quarantined { asks, .. }) => return self.quarantine(open_time, asks),
            Some(Fact::Doubted { asks, .. }) => return self.doubt(open_time, asks),
            Some(_) => return,
        };
        let apart = self.policy.reask_after.num_microseconds().unwrap_or(i64::MAX);
        let is_new = now.saturating_sub(asked_at) >= apart;
        let asks = asks.saturating_add(u8::from(self.counts && is_new));
        let is_followed = self.last_candle.is_some_and(|last| open_time < last);
        let fact = if asks < self.needed || !self.policy.can_confirm || !is_followed {
            let asked_at = if is_new { now } else { asked_at };
            Fact::Absent { asks, asked_at }
        } else if self.precedes_history(open_time) {
            self.history_from = open_time + self.timeframe.duration();
            Fact::BeforeHistory
        } else {
            Fact::NoTrade
        };
        self.findings.confirmed += u64::from(fact.is_accounted_for());
        self.push(self.candle(open_time), fact);
    }

    /// Asked once more, and still not there in a form that can be accepted.
    fn quarantine(&mut self, open_time: DateTime<Utc>, asks: u8) {
        let asks = asks.saturating_add(1);
        let asked_at = self.answer.asked_at.timestamp_micros();
        self.push(self.candle(open_time), Fact::Quarantined { asks, asked_at });
    }

    /// A candle of the lake that was asked for again and did not come. Its row stays, so after enough
    /// answers it is what it was; asking for ever would not change that.
    fn doubt(&mut self, open_time: DateTime<Utc>, asks: u8) {
        let asks = asks.saturating_add(1);
        let asked_at = self.answer.asked_at.timestamp_micros();
        let is_over = asks >= self.policy.confirmations || !self.policy.can_confirm;
        let fact = if is_over { Fact::Final } else { Fact::Doubted { asks, asked_at } };
        self.push(self.candle(open_time), fact);
    }

    /// No candle is known before it, and everything back to the origin is before history as well.
    fn precedes_history(&self, open_time: DateTime<Utc>) -> bool {
        let between = Window::new(self.history_from, open_time);
        self.first_candle.is_none_or(|first| open_time < first)
            && self.ledger.calendar().expected(between, self.timeframe).is_empty()
    }

    fn candle(&self, open_time: DateTime<Utc>) -> Window {
        Window::of_candles(open_time, self.timeframe, 1)
    }

    fn push(&mut self, window: Window, value: Fact) {
        match self.findings.facts.last_mut() {
            Some(last) if last.value == value && last.window.end == window.start => {
                last.window.end = window.end;
            }
            _ => self.findings.facts.push(Run { window, value }),
        }
    }
}

fn history_from(ledger: &Ledger, until: DateTime<Utc>) -> DateTime<Utc> {
    let origin = ledger.origin();
    let states = ledger.states(Window::new(origin, until.max(origin)));
    let before = |state| matches!(state, CandleState::BeforeHistory | CandleState::MarketClosed);
    states.iter().find(|run| !before(run.value)).map_or(until, |run| run.window.start)
}

#[cfg(test)]
mod tests;
