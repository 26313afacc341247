//! The requests that a provider account allows, shared by three lanes.
//!
//! Whatever way the provider counts (fixed windows, sliding ones, a bucket of tokens), it never
//! sees more than is allowed in any stretch of time: every limit is a sliding log. Backfills and
//! repairs are also spaced evenly, so that when they use all there is, the next request is never
//! further away than one step, and a live poll takes it.

mod spending;

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use self::spending::Spending;
pub use self::spending::{SpendLog, Spent};
use crate::{clock::Clock, config::Limit, market::ProviderId};

/// Who asks, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    Live,
    Repair,
    Backfill,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Live, Self::Repair, Self::Backfill];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Repair => "repair",
            Self::Backfill => "backfill",
        }
    }
}

/// There is no request to be had before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    pub until: DateTime<Utc>,
}

/// What a budget looks like from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetState {
    /// Each limit, and how many of its requests are used at present.
    pub limits: Vec<(Limit, u32)>,
    /// 1 when the full rate is used; less after the provider asked to slow down.
    pub pace: f64,
    pub paused_until: Option<DateTime<Utc>>,
}

/// Whoever would wait longer is sent away, and its job parks.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(2);

/// A lane that was passed over so often in a row gets the next request.
const PATIENCE: u32 = 20;

/// After so long without complaint the pace recovers by a tenth.
const RECOVERY: TimeDelta = TimeDelta::minutes(1);

const SLOWEST: f64 = 1.0 / 16.0;

/// One provider account's budget.
///
/// Own code because time must come from the [`Clock`], several limits hold at once, lanes must
/// neither delay nor starve each other, and what is spent outlives the process.
pub struct Budget {
    clock: Arc<dyn Clock>,
    account: ProviderId,
    log: Option<Arc<dyn SpendLog>>,
    /// Whether what was spent before is known.
    restored: AsyncMutex<bool>,
    state: Mutex<State>,
    changed: Notify,
    /// Only the first of each lane competes with the other lanes.
    turns: [AsyncMutex<()>; 3],
}

struct State {
    spendings: Vec<Spending>,
    /// The even distance of requests at full rate.
    step: TimeDelta,
    burst: i32,
    pace: f64,
    /// When the provider last complained, or the pace last recovered.
    complained_at: DateTime<Utc>,
    /// When the next request is due at an even pace.
    due: DateTime<Utc>,
    paused_until: Option<DateTime<Utc>>,
    waiting: [u32; 3],
    passed_over: [u32; 3],
    seen: DateTime<Utc>,
}

/// What the first of a lane may do.
enum Turn {
    Go,
    /// Another lane is first.
    GiveWay,
    WaitUntil(DateTime<Utc>),
}

impl Budget {
    pub fn new(
        account: &ProviderId,
        (limits, burst): (&[Limit], NonZeroU32),
        clock: Arc<dyn Clock>,
        log: Option<Arc<dyn SpendLog>>,
    ) -> Self {
        let spendings: Vec<_> = limits.iter().map(|limit| Spending::new(*limit)).collect();
        let step = spendings.iter().filter_map(Spending::step).max().unwrap_or_default();
        let state = State {
            spendings,
            step,
            burst: i32::try_from(burst.get() - 1).unwrap_or(i32::MAX),
            pace: 1.0,
            complained_at: DateTime::UNIX_EPOCH,
            due: DateTime::UNIX_EPOCH,
            paused_until: None,
            waiting: [0; 3],
            passed_over: [0; 3],
            seen: DateTime::UNIX_EPOCH,
        };
        Self {
            clock,
            account: account.clone(),
            log,
            restored: AsyncMutex::new(false),
            state: Mutex::new(state),
            changed: Notify::new(),
            turns: Default::default(),
        }
    }

    /// Waits for the right to send one request, which is in flight until `Sent` is dropped. Whoever
    /// stops waiting has taken nothing.
    pub async fn acquire(&self, lane: Lane) -> Result<Sent<'_>, Exhausted> {
        self.restore_once().await;
        let _turn = self.turns[lane as usize].lock().await;
        let _waiting = Waiting::enter(self, lane);
        loop {
            let changed = self.changed.notified();
            let now = self.clock.now();
            let turn = self.state().turn(lane, now);
            match turn {
                Turn::Go => break,
                Turn::GiveWay => changed.await,
                Turn::WaitUntil(until) if until - now > LONGEST_WAIT => {
                    return Err(Exhausted { until });
                }
                Turn::WaitUntil(until) => {
                    let wait = (until - now).to_std().unwrap_or(Duration::ZERO);
                    tokio::select! {
                        () = self.clock.sleep(wait) => {}
                        () = changed => {}
                    }
                }
            }
        }
        let sent = Sent(self);
        self.remember().await;
        Ok(sent)
    }

    /// The provider asks to slow down: nothing is sent for a while, and then at half the rate.
    pub fn throttled(&self, wait: Option<Duration>) {
        let now = self.clock.now();
        let mut state = self.state();
        state.read(now);
        let wait = wait.and_then(|wait| TimeDelta::from_std(wait).ok());
        let until = now + wait.unwrap_or(TimeDelta::seconds(1));
        state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
        state.pace = (state.pace / 2.0).max(SLOWEST);
        state.complained_at = now;
    }

    /// The provider says that a quota is used up.
    pub fn pause_until(&self, until: DateTime<Utc>) {
        let mut state = self.state();
        state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
        drop(state);
        self.changed.notify_waiters();
    }

    pub fn state_now(&self) -> BudgetState {
        let now = self.clock.now();
        let mut state = self.state();
        state.read(now);
        BudgetState {
            limits: state.spendings.iter_mut().map(|one| (one.limit(), one.used(now))).collect(),
            pace: state.pace,
            paused_until: state.paused_until.filter(|until| *until > now),
        }
    }

    /// Has what is spent read again: another process has had the account meanwhile.
    pub async fn doubt(&self) {
        *self.restored.lock().await = false;
    }

    async fn restore_once(&self) {
        let mut is_restored = self.restored.lock().await;
        if !*is_restored {
            self.restore().await;
            *is_restored = true;
        }
    }

    /// Takes up what was spent before a restart; without a log nothing was.
    async fn restore(&self) {
        let Some(log) = &self.log else { return };
        match log.spent(&self.account).await {
            Ok(spent) => {
                let now = self.clock.now();
                self.state().spendings.iter_mut().for_each(|one| one.restore(&spent, now));
            }
            Err(error) => {
                tracing::warn!(account = %self.account, %error, "what was spent is not known");
            }
        }
    }

    /// Writes down what is spent before the request leaves. A store that fails must not stop the
    /// market, so the request leaves all the same.
    async fn remember(&self) {
        let Some(log) = &self.log else { return };
        let now = self.clock.now();
        let spent: Vec<Spent> =
            self.state().spendings.iter().filter_map(|one| one.spent(now)).collect();
        if spent.is_empty() {
            return;
        }
        if let Err(error) = log.remember(&self.account, spent).await {
            tracing::warn!(account = %self.account, %error, "what is spent was not written down");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A clock set back takes everything with it, or nothing would be sent until it caught up.
    fn read(&mut self, now: DateTime<Utc>) {
        let back = self.seen - now;
        if back > TimeDelta::zero() {
            self.due -= back;
            self.complained_at -= back;
            self.paused_until = self.paused_until.map(|until| until - back);
            self.spendings.iter_mut().for_each(|one| one.shift(back));
        }
        self.seen = now;
    }

    fn turn(&mut self, lane: Lane, now: DateTime<Utc>) -> Turn {
        self.read(now);
        if self.first() != Some(lane) {
            return Turn::GiveWay;
        }
        self.recover(now);
        let ahead = if lane == Lane::Live { self.step() * self.burst } else { TimeDelta::zero() };
        let paused = self.paused_until.unwrap_or(now);
        let free = self.spendings.iter_mut().filter_map(|one| one.free_at(lane, now)).max();
        let at = (self.due - ahead).max(paused).max(free.unwrap_or(now));
        if at > now {
            return Turn::WaitUntil(at);
        }
        // Whoever woke a little late does not lose what it waited too long.
        self.due = self.due.max(now - self.step() / 8) + self.step();
        self.spendings.iter_mut().for_each(|one| one.spend(now));
        for other in Lane::ALL {
            let passed_over = &mut self.passed_over[other as usize];
            let is_waiting = other != lane && self.waiting[other as usize] > 0;
            *passed_over = if is_waiting { *passed_over + 1 } else { 0 };
        }
        Turn::Go
    }

    /// Whose turn it is among those who wait.
    fn first(&self) -> Option<Lane> {
        let waits = |lane: &Lane| self.waiting[*lane as usize] > 0;
        let starves = |lane: &Lane| waits(lane) && self.passed_over[*lane as usize] >= PATIENCE;
        Lane::ALL.into_iter().rev().find(starves).or_else(|| Lane::ALL.into_iter().find(waits))
    }

    fn step(&self) -> TimeDelta {
        let micros = self.step.num_microseconds().unwrap_or(0) as f64 / self.pace;
        #[expect(clippy::cast_possible_truncation, reason = "sixteen steps are minutes at most")]
        TimeDelta::microseconds(micros as i64)
    }

    fn recover(&mut self, now: DateTime<Utc>) {
        while self.pace < 1.0 && now - self.complained_at >= RECOVERY {
            self.pace = (self.pace + 0.1).min(1.0);
            self.complained_at += RECOVERY;
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("account", &self.account).finish_non_exhaustive()
    }
}

/// A request under way; dropped when it was answered or given up.
#[derive(Debug)]
pub struct Sent<'a>(&'a Budget);

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let now = self.0.clock.now();
        self.0.state().spendings.iter_mut().for_each(|one| one.answered(now));
        self.0.changed.notify_waiters();
    }
}

/// The first of a lane, until it has gone or given up.
struct Waiting<'a> {
    budget: &'a Budget,
    lane: Lane,
}

impl<'a> Waiting<'a> {
    fn enter(budget: &'a Budget, lane: Lane) -> Self {
        budget.state().waiting[lane as usize] += 1;
        Self { budget, lane }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.state().waiting[self.lane as usize] -= 1;
        self.budget.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
