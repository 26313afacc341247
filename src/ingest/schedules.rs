//! What is done again and again by itself, and what was said of it. The store has the truth; here is
//! what was last read of it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    market::Timeframe,
    store::{KeptSchedule, Paused},
};

/// Something that happens by itself unless it is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schedule {
    /// Asking for the newest candles of a timeframe.
    Poll(Timeframe),
    /// Asking for what is owed.
    Repair,
    CollectNews,
    CollectMacro,
    /// Comparing what has landed with other accounts of it.
    Reconcile,
    /// Building tables of silver and gold.
    Build,
    /// Merging small files of the lake.
    Compact,
    /// Removing what nobody needs any more from the lake.
    Maintain,
    /// Seeing whether everything that must hold does.
    Verify,
}

impl Schedule {
    pub const ALL: [Self; 14] = [
        Self::Poll(Timeframe::M1),
        Self::Poll(Timeframe::M5),
        Self::Poll(Timeframe::M15),
        Self::Poll(Timeframe::H1),
        Self::Poll(Timeframe::H4),
        Self::Poll(Timeframe::D1),
        Self::Repair,
        Self::CollectNews,
        Self::CollectMacro,
        Self::Reconcile,
        Self::Build,
        Self::Compact,
        Self::Maintain,
        Self::Verify,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll(Timeframe::M1) => "poll-1m",
            Self::Poll(Timeframe::M5) => "poll-5m",
            Self::Poll(Timeframe::M15) => "poll-15m",
            Self::Poll(Timeframe::H1) => "poll-1h",
            Self::Poll(Timeframe::H4) => "poll-4h",
            Self::Poll(Timeframe::D1) => "poll-1d",
            Self::Repair => "repair",
            Self::CollectNews => "collect-news",
            Self::CollectMacro => "collect-macro",
            Self::Reconcile => "reconcile",
            Self::Build => "build",
            Self::Compact => "compact",
            Self::Maintain => "maintain",
            Self::Verify => "verify",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schedule| schedule.as_str() == name)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Every schedule as it stands.
#[derive(Debug)]
pub struct Schedules {
    states: Mutex<BTreeMap<Schedule, State>>,
    started_at: DateTime<Utc>,
}

/// What happens once a day happens so long after the start for the first time.
const FIRST: TimeDelta = TimeDelta::minutes(10);

#[derive(Debug, Default)]
struct State {
    kept: KeptSchedule,
    last_tick_at: Option<DateTime<Utc>>,
}

impl Schedules {
    /// What the store says at the start; what was asked for before that is over.
    pub fn new(kept: Vec<KeptSchedule>, started_at: DateTime<Utc>) -> Self {
        let schedules = Self { states: Mutex::default(), started_at };
        schedules.take_up(kept);
        schedules
    }

    /// Takes in what the store says now. The answer is what is to tick at once: somebody has asked
    /// for it, or it goes on after having been held up and nothing else would remind it.
    pub fn take_up(&self, kept: Vec<KeptSchedule>) -> Vec<Schedule> {
        let mut states = self.states();
        let mut due = Vec::new();
        for new in kept {
            // A newer version may have others.
            let Some(schedule) = Schedule::named(&new.name) else { continue };
            let State { kept: old, .. } = states.entry(schedule).or_default();
            let goes_on = old.paused.is_some() && new.paused.is_none();
            if new.triggers > old.triggers || goes_on && schedule == Schedule::Reconcile {
                due.push(schedule);
            }
            *old = new;
        }
        due
    }

    pub fn paused(&self, schedule: Schedule) -> Option<Paused> {
        self.states().get(&schedule).and_then(|state| state.kept.paused.clone())
    }

    pub fn is_paused(&self, schedule: Schedule) -> bool {
        self.states().get(&schedule).is_some_and(|state| state.kept.paused.is_some())
    }

    /// Remembers that it has just put something into the queue.
    pub fn ticked(&self, schedule: Schedule, now: DateTime<Utc>) {
        self.states().entry(schedule).or_default().last_tick_at = Some(now);
    }

    /// When it last put something into the queue since the start.
    pub fn last_tick_at(&self, schedule: Schedule) -> Option<DateTime<Utc>> {
        self.states().get(&schedule).and_then(|state| state.last_tick_at)
    }

    /// When it is due if it is to happen once a day.
    pub fn daily(&self, schedule: Schedule) -> DateTime<Utc> {
        let last = self.last_tick_at(schedule);
        last.map_or(self.started_at + FIRST, |last| last + TimeDelta::days(1))
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<Schedule, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
