//! What is known in memory of every series: its ledger, its newest candles, its troubles.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    IngestError, Policy, Trouble,
    behind::Behind,
    known::{Newest, Tail},
    plan,
    trouble::Patience,
    uncompared::Uncompared,
};
use crate::{
    lake::{LandedCandle, LandingRecord},
    market::{Calendar, CandleState, Fact, Ledger, Run, Series, Window},
    store::{SeriesChange, SeriesRecord},
};

/// How long a failure makes backfills wait.
const BACKFILLS: Patience =
    Patience { first: TimeDelta::seconds(10), longest: TimeDelta::seconds(1_280) };

/// One series. Whoever holds `turn` may land; anyone may look.
#[derive(Debug)]
pub struct Book {
    series: Series,
    calendar: Calendar,
    pub(super) turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Counts the changes of all books.
    epoch: Arc<AtomicU64>,
    /// Counts the changes of this one.
    version: AtomicU64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    /// Landings so far; the next one is this plus one.
    pub(super) landings: i64,
    /// The newest candles with their values.
    pub(super) tail: Tail,
    trouble: Option<Trouble>,
    /// When the next question about an old candle may be asked; unknown after every change.
    question_at: Remembered,
    /// What the store may not have been told: every change goes with it until one has arrived.
    unsaved: Option<Window>,
    /// For a derived series: a stretch whose finer candles have changed.
    recheck: Option<Window>,
    /// Set while the newest poll did not bring every candle that was due.
    behind: Option<Behind>,
    /// What backfills answer for, disjoint: nobody else asks for it.
    taken: Vec<Window>,
    /// What landed and was not compared with other accounts yet.
    uncompared: Uncompared,
}

/// A result that is worked out when it is needed.
#[derive(Debug)]
enum Remembered {
    Unknown,
    Known(Option<DateTime<Utc>>),
}

impl Book {
    pub(super) fn new(
        series: Series,
        calendar: Calendar,
        origin: DateTime<Utc>,
        epoch: Arc<AtomicU64>,
    ) -> Self {
        let ledger = Ledger::new(series.timeframe, calendar, origin);
        let state = State {
            ledger,
            landings: 0,
            tail: Tail::default(),
            trouble: None,
            question_at: Remembered::Unknown,
            unsaved: None,
            recheck: None,
            behind: None,
            taken: Vec::new(),
            uncompared: Uncompared::default(),
        };
        let turn = tokio::sync::Mutex::new(());
        Self { series, calendar, turn, state: Mutex::new(state), epoch, version: AtomicU64::new(0) }
    }

    pub fn series(&self) -> &Series {
        &self.series
    }

    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the ledger; keep it short, landings wait meanwhile.
    pub fn with_ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.state().ledger)
    }

    /// Grows with every change of what the book knows.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn landings(&self) -> i64 {
        self.state().landings
    }

    pub fn trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }

    /// Remembers a failure; each one in a row doubles the wait before the next backfill, which is at
    /// least as long as the provider cannot be asked.
    pub fn failed(&self, error: &IngestError, now: DateTime<Utc>) {
        let mut state = self.state();
        state.trouble = Some(Trouble::again(state.trouble.take(), error, BACKFILLS, now));
    }

    pub fn recovered(&self) {
        self.state().trouble = None;
    }

    /// Remembers whether the last poll left a candle that is due out. If so it is repeated, not before
    /// `not_before`: until then the provider cannot be asked at all.
    pub fn polled(&self, is_behind: bool, now: DateTime<Utc>, not_before: Option<DateTime<Utc>>) {
        let mut state = self.state();
        let again = || Behind::again(state.behind, self.series.timeframe, now, not_before);
        state.behind = is_behind.then(again);
    }

    /// Whether the last poll should be repeated by now.
    pub fn is_poll_due(&self, now: DateTime<Utc>) -> bool {
        self.state().behind.is_some_and(|behind| behind.is_due(now))
    }

    /// Owes nothing that opens before `until`: another provider answers for it.
    pub fn waive(&self, until: DateTime<Utc>) -> Option<SeriesChange> {
        let until = self.series.timeframe.floor(until);
        let facts = self.with_ledger(|ledger| {
            let owed = ledger.gaps(until).into_iter().map(|run| run.window);
            let mut facts = Vec::new();
            for window in owed {
                facts.push(Run { window, value: Fact::Waived });
                // What is in the lake and can no longer be asked for is what it was.
                let landed = ledger.facts(window).filter(|run| run.value.has_landed());
                facts.extend(landed.map(|run| Run { value: Fact::Final, ..run }));
            }
            facts
        });
        (!facts.is_empty()).then(|| self.note(&facts))
    }

    /// Owes nothing that opens before `until` and that nobody has ever asked for: it was missed while
    /// the series was not kept. What is left to backfills stays owed.
    pub fn waive_unasked(&self, until: DateTime<Utc>) -> Option<SeriesChange> {
        let until = self.series.timeframe.floor(until);
        let mut missed = self.with_taken(|ledger, taken| {
            let is_taken = |run: &Run<CandleState>| {
                taken.iter().any(|window| !window.intersect(run.window).is_empty())
            };
            let mut gaps = ledger.gaps(until);
            gaps.retain(|run| run.value == CandleState::Pending && !is_taken(run));
            gaps
        });
        let waived = missed.drain(..).map(|run| Run { window: run.window, value: Fact::Waived });
        let facts: Vec<_> = waived.collect();
        (!facts.is_empty()).then(|| self.note(&facts))
    }

    /// The change by which the store learns of a series that has nothing yet.
    pub fn opening(&self) -> SeriesChange {
        let mut state = self.state();
        let origin = state.ledger.origin();
        self.change(&mut state, Window::new(origin, origin))
    }

    /// Leaves these windows to backfills, and only these.
    pub fn leave_to_backfills(&self, taken: Vec<Window>) {
        let mut state = self.state();
        state.question_at = Remembered::Unknown;
        state.taken = taken;
    }

    /// Looks at the ledger, and at what is left to backfills.
    pub fn with_taken<T>(&self, look: impl FnOnce(&Ledger, &[Window]) -> T) -> T {
        let state = self.state();
        look(&state.ledger, &state.taken)
    }

    /// When the next question about an old candle may be asked; worked out anew only after a change.
    pub fn question_at(
        &self,
        closed_until: DateTime<Utc>,
        policy: Policy,
    ) -> Option<DateTime<Utc>> {
        let mut state = self.state();
        if let Remembered::Known(question_at) = state.question_at {
            return question_at;
        }
        let question_at =
            plan::next_question_at((&state.ledger, &state.taken), closed_until, policy);
        state.question_at = Remembered::Known(question_at);
        question_at
    }

    /// Says that the candles of an aligned window should be derived anew.
    pub fn recheck(&self, window: Window) {
        let mut state = self.state();
        let all = state.recheck.unwrap_or(window);
        state.recheck = Some(Window::new(all.start.min(window.start), all.end.max(window.end)));
    }

    /// The window to derive anew, if there is one; it is up to the caller from now on.
    pub fn take_recheck(&self) -> Option<Window> {
        self.state().recheck.take()
    }

    /// Says that the candles of `window` should be compared with other accounts of them.
    pub fn compare_later(&self, window: Window) {
        self.state().uncompared.add(window);
    }

    /// A stretch of at most `most` candles to compare; it is up to the caller from now on.
    pub fn take_to_compare(&self, most: i64) -> Option<Window> {
        self.state().uncompared.take(self.series.timeframe, most)
    }

    pub fn has_to_compare(&self) -> bool {
        !self.state().uncompared.is_empty()
    }

    /// Lets history begin earlier, and tells the change to write down, if it is one.
    pub fn extend_origin(&self, origin: DateTime<Utc>) -> Option<SeriesChange> {
        let mut state = self.state();
        let before = state.ledger.origin();
        state.ledger.extend_origin(origin);
        state.question_at = Remembered::Unknown;
        self.changed();
        let now = state.ledger.origin();
        (now != before).then(|| self.change(&mut state, Window::new(now, now)))
    }

    /// Takes in facts that no commit carries.
    pub(super) fn note(&self, facts: &[Run<Fact>]) -> SeriesChange {
        let mut state = self.state();
        for run in facts {
            state.ledger.record(run.window, run.value);
        }
        state.ledger.reach_back();
        state.question_at = Remembered::Unknown;
        let windows = facts.iter().map(|run| run.window);
        let nothing = Window::new(DateTime::default(), DateTime::default());
        self.change(&mut state, windows.reduce(Window::hull).unwrap_or(nothing))
    }

    /// Takes in what a commit established.
    pub(super) fn apply(&self, record: &LandingRecord) -> SeriesChange {
        let facts: Vec<_> = record.facts().collect();
        let change = self.note(&facts);
        let mut state = self.state();
        state.landings = record.landing;
        SeriesChange { landings: record.landing, ..change }
    }

    /// What the store would be told if everything from `to` on were forgotten.
    pub(super) fn if_rewound(&self, to: DateTime<Utc>) -> SeriesChange {
        let state = self.state();
        let mut ledger = state.ledger.clone();
        ledger.rewind(to);
        let window = hull_of(state.unsaved, rewound(&state.ledger, to));
        self.told(&state, &ledger, window)
    }

    /// Forgets what is known of the candles from `to` on; their rows stay.
    pub(super) fn rewind(&self, to: DateTime<Utc>) {
        let mut state = self.state();
        let window = rewound(&state.ledger, to);
        state.ledger.rewind(to);
        state.question_at = Remembered::Unknown;
        // Whoever noted something in between has not told the store of this.
        state.unsaved = Some(hull_of(state.unsaved, window));
        drop(state);
        self.changed();
    }

    /// What the store may not have been told; `None` if it has everything.
    pub fn untold(&self) -> Option<SeriesChange> {
        let state = self.state();
        state.unsaved.map(|window| self.told(&state, &state.ledger, window))
    }

    fn told(&self, state: &State, ledger: &Ledger, window: Window) -> SeriesChange {
        SeriesChange {
            series: self.series.clone(),
            origin: ledger.origin(),
            landings: state.landings,
            window,
            facts: ledger.runs_touching(window).collect(),
        }
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// The change that makes the store agree with the ledger on `window`.
    fn change(&self, state: &mut State, window: Window) -> SeriesChange {
        let window = hull_of(state.unsaved, window);
        state.unsaved = Some(window);
        self.changed();
        self.told(state, &state.ledger, window)
    }

    /// Says that the store has every change made so far.
    pub(super) fn saved(&self) {
        self.state().unsaved = None;
    }

    /// Keeps the newest candles of a landing at hand.
    pub(super) fn remember(&self, newest: Option<Newest>) {
        let mut state = self.state();
        let last_landed = state.ledger.last_landed();
        if let Some(newest) = newest {
            state.tail.extend(newest, last_landed);
        }
    }

    pub(super) fn forget_tail(&self) {
        self.state().tail.forget();
    }

    /// Starts over from the candles that are in the lake, of which `first` is the oldest.
    pub(super) fn rebuild(
        &self,
        landed: &[Run<Fact>],
        landings: i64,
        first: Option<DateTime<Utc>>,
    ) -> SeriesChange {
        let mut state = self.state();
        let origin = first.into_iter().fold(state.ledger.origin(), DateTime::min);
        state.ledger = Ledger::new(self.series.timeframe, self.calendar, origin);
        state.landings = landings;
        state.tail.forget();
        drop(state);
        self.note(landed)
    }

    /// The candles of `window`, if memory has all of them.
    pub fn recent(&self, window: Window) -> Option<Vec<LandedCandle>> {
        self.state().tail.get(window)
    }

    /// Starts over from what the store has.
    pub(super) fn reload(&self, record: &SeriesRecord) {
        let mut state = self.state();
        state.ledger = Ledger::new(self.series.timeframe, self.calendar, record.origin);
        state.tail.forget();
        state.question_at = Remembered::Unknown;
        (state.unsaved, state.trouble, state.behind) = (None, None, None);
        restore(&mut state, record);
        drop(state);
        self.changed();
    }

    pub(super) fn restore(&self, record: &SeriesRecord) {
        restore(&mut self.state(), record);
    }
}

fn restore(state: &mut State, record: &SeriesRecord) {
    state.landings = record.landings;
    for run in &record.facts {
        state.ledger.record(run.window, run.value);
    }
}

/// From `to` to the last thing that is known.
fn rewound(ledger: &Ledger, to: DateTime<Utc>) -> Window {
    let last = ledger.all_facts().last().map_or(to, |run| run.window.end);
    Window::new(to, last.max(to))
}

fn hull_of(first: Option<Window>, second: Window) -> Window {
    first.map_or(second, |first| first.hull(second))
}
