//! What is known in memory of every series: its ledger, its newest candles, its troubles.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    IngestError, Policy, Trouble,
    known::{Newest, Tail},
    plan,
    trouble::Patience,
};
use crate::{
    lake::{LandedCandle, LandingRecord},
    market::{Calendar, Calendars, Fact, Ledger, ProviderId, Run, Series, Window},
    providers::Providers,
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
    /// What landed and was not compared with other accounts yet, disjoint.
    uncompared: Vec<Window>,
}

/// A poll is worth repeating before the next candle closes.
#[derive(Debug, Clone, Copy)]
struct Behind {
    polls: u32,
    poll_at: DateTime<Utc>,
}

/// A result that is worked out when it is needed.
#[derive(Debug)]
enum Remembered {
    Unknown,
    Known(Option<DateTime<Utc>>),
}

impl Book {
    fn new(series: Series, calendar: Calendar, origin: DateTime<Utc>) -> Self {
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
            uncompared: Vec::new(),
        };
        let turn = tokio::sync::Mutex::new(());
        Self { series, calendar, turn, state: Mutex::new(state) }
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

    /// Remembers whether the last poll left a candle that is due out. If so it is repeated, soon at
    /// first: a provider may be some seconds late, and an hourly candle cannot wait for the next.
    /// Before `not_before` the provider cannot be asked at all.
    pub fn polled(&self, is_behind: bool, now: DateTime<Utc>, not_before: Option<DateTime<Utc>>) {
        let mut state = self.state();
        let polls = state.behind.map_or(0, |behind| behind.polls);
        state.behind = is_behind.then(|| {
            let wait = FIRST_REPEAT * 3_i32.pow(polls.min(8));
            let longest = (self.series.timeframe.duration() / 4).max(FIRST_REPEAT * 9);
            let poll_at = now + wait.min(longest);
            let poll_at = not_before.map_or(poll_at, |until| until.max(poll_at));
            Behind { polls: polls.saturating_add(1), poll_at }
        });
    }

    /// Whether the last poll should be repeated by now.
    pub fn is_poll_due(&self, now: DateTime<Utc>) -> bool {
        self.state().behind.is_some_and(|behind| behind.poll_at <= now)
    }

    /// Owes nothing that opens before `until`: another provider answers for it.
    pub fn waive(&self, until: DateTime<Utc>) -> Option<SeriesChange> {
        let until = self.series.timeframe.floor(until);
        let owed = self.with_ledger(|ledger| ledger.gaps(until));
        let waived = owed.iter().map(|run| Run { window: run.window, value: Fact::Waived });
        let facts: Vec<_> = waived.collect();
        (!facts.is_empty()).then(|| self.note(&facts))
    }

    /// The change by which the store learns of a series that has nothing yet.
    pub fn opening(&self) -> SeriesChange {
        let mut state = self.state();
        let origin = state.ledger.origin();
        self.change(&mut state, Window::new(origin, origin))
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
        let question_at = plan::next_question_at(&state.ledger, closed_until, policy);
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
        let mut state = self.state();
        let (touching, mut apart): (Vec<_>, Vec<_>) = std::mem::take(&mut state.uncompared)
            .into_iter()
            .partition(|other| other.start <= window.end && window.start <= other.end);
        let all = touching.into_iter().fold(window, |all, next| {
            Window::new(all.start.min(next.start), all.end.max(next.end))
        });
        apart.push(all);
        state.uncompared = apart;
    }

    /// A stretch of at most `most` candles to compare; it is up to the caller from now on.
    pub fn take_to_compare(&self, most: i64) -> Option<Window> {
        let mut state = self.state();
        let window = state.uncompared.pop()?;
        let mut chunks = window.chunks(self.series.timeframe, most);
        let first = chunks.next()?;
        if first.end < window.end {
            state.uncompared.push(Window::new(first.end, window.end));
        }
        Some(first)
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
        let now = state.ledger.origin();
        (now != before).then(|| self.change(&mut state, Window::new(now, now)))
    }

    /// Takes in facts that no commit carries.
    pub(super) fn note(&self, facts: &[Run<Fact>]) -> SeriesChange {
        let mut state = self.state();
        for run in facts {
            state.ledger.record(run.window, run.value);
        }
        state.question_at = Remembered::Unknown;
        self.change(&mut state, hull(facts))
    }

    /// Takes in what a commit established.
    pub(super) fn apply(&self, record: &LandingRecord) -> SeriesChange {
        let facts: Vec<_> = record.facts().collect();
        let change = self.note(&facts);
        let mut state = self.state();
        state.landings = record.landing;
        SeriesChange { landings: record.landing, ..change }
    }

    /// The change that makes the store agree with the ledger on `window`.
    fn change(&self, state: &mut State, window: Window) -> SeriesChange {
        let window = state.unsaved.map_or(window, |unsaved| {
            Window::new(unsaved.start.min(window.start), unsaved.end.max(window.end))
        });
        state.unsaved = Some(window);
        SeriesChange {
            series: self.series.clone(),
            origin: state.ledger.origin(),
            landings: state.landings,
            window,
            facts: state.ledger.runs_touching(window).collect(),
        }
    }

    /// Says that the store has every change made so far.
    pub(super) fn saved(&self) {
        self.state().unsaved = None;
    }

    /// Keeps the newest candles of a landing at hand.
    pub(super) fn remember(&self, newest: Option<Newest>) {
        let mut state = self.state();
        let last_final = state.ledger.last_final(DateTime::<Utc>::MAX_UTC);
        if let Some(newest) = newest {
            state.tail.extend(newest, last_final);
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
    fn reload(&self, record: &SeriesRecord) {
        let mut state = self.state();
        state.ledger = Ledger::new(self.series.timeframe, self.calendar, record.origin);
        state.tail.forget();
        state.question_at = Remembered::Unknown;
        (state.unsaved, state.trouble, state.behind) = (None, None, None);
        drop(state);
        self.restore(record);
    }

    fn restore(&self, record: &SeriesRecord) {
        let mut state = self.state();
        state.landings = record.landings;
        for run in &record.facts {
            state.ledger.record(run.window, run.value);
        }
    }
}

/// How soon a poll that left something out is repeated.
const FIRST_REPEAT: chrono::TimeDelta = chrono::TimeDelta::seconds(5);

fn hull(facts: &[Run<Fact>]) -> Window {
    let start = facts.iter().map(|run| run.window.start).min().unwrap_or_default();
    let end = facts.iter().map(|run| run.window.end).max().unwrap_or_default();
    Window::new(start, end)
}

/// All series that are kept.
#[derive(Debug)]
pub struct Books {
    calendars: Calendars,
    providers: Providers,
    by_series: RwLock<BTreeMap<Series, Arc<Book>>>,
    turn: tokio::sync::Mutex<()>,
}

impl Books {
    /// Takes up what the store remembers.
    pub fn restore(records: &[SeriesRecord], calendars: Calendars, providers: &Providers) -> Self {
        let books = Self {
            calendars,
            providers: providers.clone(),
            by_series: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
        };
        for record in records {
            books.open(&record.series, record.origin).restore(record);
        }
        books
    }

    /// The book of `series`, begun at `origin` if there is none yet.
    pub fn open(&self, series: &Series, origin: DateTime<Utc>) -> Arc<Book> {
        let mut books = self.by_series.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let calendar = self.providers.calendar(series, self.calendars);
            Arc::new(Book::new(series.clone(), calendar, origin))
        };
        books.entry(series.clone()).or_insert_with(new).clone()
    }

    pub fn get(&self, series: &Series) -> Option<Arc<Book>> {
        self.by_series.read().unwrap_or_else(PoisonError::into_inner).get(series).cloned()
    }

    /// Whoever takes in what others have landed waits for its turn.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Replaces what is known of a series by what the store has.
    pub fn reload(&self, record: &SeriesRecord) {
        self.open(&record.series, record.origin).reload(record);
    }

    /// Everybody who has a book.
    pub fn providers(&self) -> BTreeSet<ProviderId> {
        let books = self.by_series.read().unwrap_or_else(PoisonError::into_inner);
        let mut providers = BTreeSet::new();
        for series in books.keys() {
            if !providers.contains(&series.provider) {
                providers.insert(series.provider.clone());
            }
        }
        providers
    }

    /// Every book, ordered by series.
    pub fn all(&self) -> Vec<Arc<Book>> {
        self.by_series.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
