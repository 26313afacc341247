//! What is known of every expected candle of one series: exactly one state each, as runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Calendar, Timeframe, Window};

/// What an answer established about a candle. The absence of a fact means nobody has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A valid candle is in the lake.
    Final,
    /// The provider was asked often enough and has none: nothing traded.
    NoTrade,
    /// The provider sent one that was refused, `asks` times; its bytes are a dead letter.
    Quarantined { asks: u8, asked_at: i64 },
    /// Confirmed to lie before the provider's first candle.
    BeforeHistory,
    /// Not owed by this provider: it only stands in and another one answered for the candle, or the
    /// candle is older than what it gives.
    Waived,
    /// Asked, and not in the answer; `asks` credible answers agree so far.
    Absent { asks: u8, asked_at: i64 },
    /// A candle is in the lake and is to be asked for again; `asks` answers lacked it since.
    Doubted { asks: u8, asked_at: i64 },
}

impl Fact {
    /// Whether nothing more needs to be done for the candle.
    pub const fn is_accounted_for(self) -> bool {
        !matches!(self, Self::Absent { .. } | Self::Doubted { .. })
    }

    /// Whether a row of the candle is in the lake.
    pub const fn has_landed(self) -> bool {
        matches!(self, Self::Final | Self::Doubted { .. })
    }
}

/// The one state of a candle that should have closed by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandleState {
    Final,
    NoTrade,
    Quarantined,
    BeforeHistory,
    /// Not owed: another provider answers for it, or it can no longer be had.
    Waived,
    /// The calendar expects none and none came.
    MarketClosed,
    /// Asked for and not given, not yet confirmed as no trade.
    Missing,
    /// Not asked for yet.
    Pending,
}

impl CandleState {
    pub const ALL: [Self; 8] = [
        Self::Final,
        Self::NoTrade,
        Self::Quarantined,
        Self::BeforeHistory,
        Self::Waived,
        Self::MarketClosed,
        Self::Missing,
        Self::Pending,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::NoTrade => "no_trade",
            Self::Quarantined => "quarantined",
            Self::BeforeHistory => "before_history",
            Self::Waived => "waived",
            Self::MarketClosed => "market_closed",
            Self::Missing => "missing",
            Self::Pending => "pending",
        }
    }

    /// Whether the candle is expected and still owed to us.
    pub const fn is_gap(self) -> bool {
        matches!(self, Self::Missing | Self::Pending)
    }
}

/// Consecutive candles that share something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<T> {
    pub window: Window,
    pub value: T,
}

/// How many candles of `runs` are in a state.
pub fn candles_in(state: CandleState, runs: &[Run<CandleState>], timeframe: Timeframe) -> i64 {
    runs.iter().filter(|run| run.value == state).map(|run| run.window.candles(timeframe)).sum()
}

/// The facts of one series, run-length encoded, and the candle at which its history begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    timeframe: Timeframe,
    calendar: Calendar,
    origin: DateTime<Utc>,
    /// By start. Runs are aligned, disjoint and maximal.
    facts: BTreeMap<DateTime<Utc>, (DateTime<Utc>, Fact)>,
}

impl Ledger {
    pub fn new(timeframe: Timeframe, calendar: Calendar, origin: DateTime<Utc>) -> Self {
        Self { timeframe, calendar, origin: timeframe.floor(origin), facts: BTreeMap::new() }
    }

    pub fn origin(&self) -> DateTime<Utc> {
        self.origin
    }

    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Lets history begin earlier. It never begins later again.
    pub fn extend_origin(&mut self, origin: DateTime<Utc>) {
        self.origin = self.origin.min(self.timeframe.floor(origin));
    }

    /// Where the first candle opens of which something is known, or history begins.
    pub fn beginning(&self) -> DateTime<Utc> {
        self.facts.first_key_value().map_or(self.origin, |(first, _)| self.origin.min(*first))
    }

    /// Lets history begin where what is known of it without a gap does.
    pub fn reach_back(&mut self) {
        while let Some((start, (end, _))) = self.facts.range(..self.origin).next_back() {
            let between = Window::new(*end, self.origin);
            if !self.calendar.expected(between, self.timeframe).is_empty() {
                return;
            }
            self.origin = *start;
        }
    }

    /// States `fact` of every candle of an aligned `window`, replacing what was said before.
    pub fn record(&mut self, window: Window, fact: Fact) {
        if window.is_empty() {
            return;
        }
        self.erase(window);
        let (mut start, mut end) = (window.start, window.end);
        if let Some((&before, &(until, same))) = self.facts.range(..start).next_back()
            && until == start
            && same == fact
        {
            start = before;
        }
        if let Some(&(until, same)) = self.facts.get(&end)
            && same == fact
        {
            self.facts.remove(&end);
            end = until;
        }
        self.facts.insert(start, (end, fact));
    }

    /// Takes back every conclusion about the candles from `from` on: those in the lake are doubted,
    /// the others were never asked for. What is not owed stays so, and a candle that the calendar does
    /// not expect stays final, because nobody would ask for it.
    pub fn rewind(&mut self, from: DateTime<Utc>) {
        let all = Window::new(from, DateTime::<Utc>::MAX_UTC);
        let taken_back: Vec<_> = self.facts(all).collect();
        self.erase(all);
        for Run { window, value } in taken_back {
            if value == Fact::Waived || value.has_landed() {
                self.record(window, if value == Fact::Waived { value } else { Fact::Final });
            }
            if value.has_landed() {
                for open in self.calendar.expected(window, self.timeframe) {
                    let doubted = Fact::Doubted { asks: 0, asked_at: 0 };
                    self.record(open.intersect(window), doubted);
                }
            }
        }
    }

    fn erase(&mut self, window: Window) {
        let touched: Vec<_> = self
            .facts
            .range(..window.end)
            .rev()
            .take_while(|(_, (end, _))| *end > window.start)
            .map(|(start, run)| (*start, *run))
            .collect();
        for (start, (end, fact)) in touched {
            self.facts.remove(&start);
            if start < window.start {
                self.facts.insert(start, (window.start, fact));
            }
            if end > window.end {
                self.facts.insert(window.end, (end, fact));
            }
        }
    }

    /// The facts inside `window`, clipped to it, oldest first.
    pub fn facts(&self, window: Window) -> impl DoubleEndedIterator<Item = Run<Fact>> + '_ {
        let first = self
            .facts
            .range(..=window.start)
            .next_back()
            .filter(|(_, (end, _))| *end > window.start)
            .map_or(window.start, |(start, _)| *start);
        let until = window.end.max(first);
        self.facts.range(first..until).map(move |(start, (end, fact))| Run {
            window: Window::new(*start, *end).intersect(window),
            value: *fact,
        })
    }

    /// The whole runs that overlap or touch `window`, oldest first.
    pub fn runs_touching(&self, window: Window) -> impl Iterator<Item = Run<Fact>> + '_ {
        let first = self
            .facts
            .range(..window.start)
            .next_back()
            .filter(|(_, (end, _))| *end >= window.start)
            .map_or(window.start, |(start, _)| *start);
        self.facts
            .range(first..=window.end.max(first))
            .map(|(start, (end, fact))| Run { window: Window::new(*start, *end), value: *fact })
    }

    /// Every fact there is, oldest first.
    pub fn all_facts(&self) -> impl Iterator<Item = Run<Fact>> + '_ {
        self.facts
            .iter()
            .map(|(start, (end, fact))| Run { window: Window::new(*start, *end), value: *fact })
    }

    pub fn fact_at(&self, open_time: DateTime<Utc>) -> Option<Fact> {
        let (_, (end, fact)) = self.facts.range(..=open_time).next_back()?;
        (*end > open_time).then_some(*fact)
    }

    /// Open time of the newest final candle before `before`.
    pub fn last_final(&self, before: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.facts
            .range(..before)
            .rev()
            .find(|(_, (_, fact))| *fact == Fact::Final)
            .map(|(_, (end, _))| (*end).min(before) - self.timeframe.duration())
    }

    /// Open time of the newest candle that has a row in the lake.
    pub fn last_landed(&self) -> Option<DateTime<Utc>> {
        let landed = self.facts.values().rev().find(|(_, fact)| fact.has_landed());
        landed.map(|(end, _)| *end - self.timeframe.duration())
    }

    /// Open time of the oldest candle that has a row in the lake.
    pub fn first_landed(&self) -> Option<DateTime<Utc>> {
        self.facts.iter().find(|(_, (_, fact))| fact.has_landed()).map(|(start, _)| *start)
    }

    /// Open time of the oldest final candle.
    pub fn first_final(&self) -> Option<DateTime<Utc>> {
        self.facts.iter().find(|(_, (_, fact))| *fact == Fact::Final).map(|(start, _)| *start)
    }

    /// The state of every candle of an aligned `window`, oldest first; the runs partition it.
    ///
    /// The caller ends the window where candles are not closed yet.
    pub fn states(&self, window: Window) -> Vec<Run<CandleState>> {
        self.states_since(self.origin, window)
    }

    /// Like `states`, as if history began at `origin`: whatever nobody has asked for since then is
    /// pending.
    pub fn states_since(&self, origin: DateTime<Utc>, window: Window) -> Vec<Run<CandleState>> {
        let mut runs = Runs::default();
        let mut at = window.start;
        for fact in self.facts(window) {
            self.unasked(origin, Window::new(at, fact.window.start), &mut runs);
            match fact.value {
                Fact::Final => runs.push(fact.window, CandleState::Final),
                Fact::NoTrade => runs.push(fact.window, CandleState::NoTrade),
                Fact::Quarantined { .. } => runs.push(fact.window, CandleState::Quarantined),
                Fact::BeforeHistory => runs.push(fact.window, CandleState::BeforeHistory),
                Fact::Waived => runs.push(fact.window, CandleState::Waived),
                Fact::Absent { .. } => self.expected(fact.window, CandleState::Missing, &mut runs),
                Fact::Doubted { asks: 0, .. } => runs.push(fact.window, CandleState::Pending),
                Fact::Doubted { .. } => runs.push(fact.window, CandleState::Missing),
            }
            at = fact.window.end;
        }
        self.unasked(origin, Window::new(at, window.end), &mut runs);
        runs.0
    }

    fn unasked(&self, origin: DateTime<Utc>, window: Window, runs: &mut Runs) {
        let before = Window::new(window.start, window.end.min(origin));
        runs.push(before, CandleState::BeforeHistory);
        let asked_for = Window::new(window.start.max(origin), window.end);
        self.expected(asked_for, CandleState::Pending, runs);
    }

    /// `state` where the calendar expects candles, closed elsewhere.
    fn expected(&self, window: Window, state: CandleState, runs: &mut Runs) {
        let mut at = window.start;
        for open in self.calendar.expected(window, self.timeframe) {
            let open = open.intersect(window);
            runs.push(Window::new(at, open.start), CandleState::MarketClosed);
            runs.push(open, state);
            at = open.end;
        }
        runs.push(Window::new(at, window.end), CandleState::MarketClosed);
    }

    /// Expected candles before `closed_until` that nobody has accounted for, oldest first; also those
    /// before history begins that were asked for and not given.
    pub fn gaps(&self, closed_until: DateTime<Utc>) -> Vec<Run<CandleState>> {
        let from = self.beginning();
        let mut runs = self.states(Window::new(from, closed_until.max(from)));
        runs.retain(|run| run.value.is_gap());
        runs
    }

    /// Everything before it is accounted for: the start of the first gap, or `closed_until`.
    pub fn watermark(&self, closed_until: DateTime<Utc>) -> DateTime<Utc> {
        self.first_from(self.origin, closed_until, CandleState::is_gap)
    }

    /// Like the watermark, but for the newest stretch: what follows the last final candle.
    ///
    /// `None` while the series has no final candle.
    pub fn frontier(&self, closed_until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = self.last_final(closed_until)?;
        // A candle that was refused is accounted for, and still nobody has it.
        let lacks = |state: CandleState| state.is_gap() || state == CandleState::Quarantined;
        Some(self.first_from(last, closed_until, lacks))
    }

    fn first_from(
        &self,
        from: DateTime<Utc>,
        closed_until: DateTime<Utc>,
        matches: impl Fn(CandleState) -> bool,
    ) -> DateTime<Utc> {
        let window = Window::new(from, closed_until.max(from));
        let first = self.states(window).into_iter().find(|run| matches(run.value));
        first.map_or(window.end, |run| run.window.start)
    }
}

#[derive(Default)]
struct Runs(Vec<Run<CandleState>>);

impl Runs {
    fn push(&mut self, window: Window, value: CandleState) {
        if window.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.value == value && last.window.end == window.start => {
                last.window.end = window.end;
            }
            _ => self.0.push(Run { window, value }),
        }
    }
}

#[cfg(test)]
mod tests;
