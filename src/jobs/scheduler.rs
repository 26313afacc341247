//! The heartbeat: once a second, enqueue what the timetable, the ledgers and the feeds say is due.
//!
//! One cron job drives all series. One job per series would lose ticks: the scheduler crate
//! announces due jobs through a channel of 200, and 600 series are due within seconds.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{JobSpec, Timetable, building, take_up, verification};
use crate::{
    app::App,
    error::chain,
    ingest::{self, Book, Roster, Schedule},
    market::{Feed, ProviderId, Series, Timeframe},
    providers::Origin,
    query::Verdict,
};

/// Starts ticking, and stops with the program.
pub async fn start(app: &Arc<App>) -> Result<(), JobSchedulerError> {
    let heartbeat = Arc::new(Heartbeat::new(app));
    // The scheduler's first tick is up to two seconds away, and work may have waited for hours.
    heartbeat.beat();
    let mut scheduler = JobScheduler::new().await?;
    let every_second = Job::new("* * * * * *", move |_, _| heartbeat.beat())?;
    scheduler.add(every_second).await?;
    scheduler.start().await?;
    let lifecycle = app.lifecycle.clone();
    app.lifecycle.spawn(async move {
        lifecycle.stopping().await;
        if let Err(error) = scheduler.shutdown().await {
            tracing::warn!(%error, "the scheduler did not stop");
        }
    });
    Ok(())
}

/// Looks for what is due whenever it beats.
pub struct Heartbeat {
    app: Arc<App>,
    state: Mutex<State>,
    /// Held while it is looked whether anything was decided elsewhere.
    taking_up: Arc<tokio::sync::Mutex<()>>,
}

struct State {
    roster: Arc<Roster>,
    timetable: Timetable,
    /// Until when the timetable has been looked at, by timeframe: while polls are held up it stays,
    /// and what they missed is due once when they go on.
    seen: [DateTime<Utc>; Timeframe::ALL.len()],
}

impl Heartbeat {
    pub fn new(app: &Arc<App>) -> Self {
        let roster = app.roster();
        let timetable = timetable(app, &roster);
        // What was due while we were not running is due now.
        let seen = [DateTime::UNIX_EPOCH; Timeframe::ALL.len()];
        let state = Mutex::new(State { roster, timetable, seen });
        Self { app: app.clone(), state, taking_up: Arc::default() }
    }

    pub fn beat(&self) {
        let now = self.app.clock.now();
        self.app.metrics.scheduler_heartbeat.set(now.timestamp());
        self.take_up();
        self.enqueue_polls(now);
        self.enqueue_repeats(now);
        if !self.app.schedules.is_paused(Schedule::Repair) {
            self.enqueue_fills(now);
        }
        self.enqueue_collections(now);
        let is_due = self.app.schedules.daily(Schedule::Verify) <= now;
        if is_due && !self.app.schedules.is_paused(Schedule::Verify) {
            self.app.schedules.ticked(Schedule::Verify, now);
            verification::begin(&self.app);
        }
        if !self.app.schedules.is_paused(Schedule::Build) {
            building::begin(&self.app);
        }
        let is_held_up = self.app.schedules.is_paused(Schedule::Maintain);
        if !is_held_up && self.app.keeper.begin_if_due(now) {
            self.app.schedules.ticked(Schedule::Maintain, now);
        }
    }

    /// Looks whether anything was decided, also by another replica. If the store does not answer
    /// everything goes on as it was, and the next beat looks again.
    fn take_up(&self) {
        let Ok(turn) = self.taking_up.clone().try_lock_owned() else { return };
        let app = self.app.clone();
        self.app.lifecycle.spawn(async move {
            if let Err(error) = take_up(&app).await {
                tracing::warn!(error = chain(&error), "assets and schedules cannot be looked at");
            }
            drop(turn);
        });
    }

    fn enqueue_polls(&self, now: DateTime<Utc>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let roster = self.app.roster();
        if !Arc::ptr_eq(&roster, &state.roster) {
            // Nobody knows when one that has just come was last asked for.
            let is_new = |series: &&Series| !state.roster.is_live(series);
            for series in roster.live().filter(is_new).filter(|one| self.concerns(one, now)) {
                if !self.app.schedules.is_paused(Schedule::Poll(series.timeframe)) {
                    self.app.queue.enqueue(JobSpec::Poll(series.clone()));
                }
            }
            state.timetable = timetable(&self.app, &roster);
            state.roster = roster;
        }
        let State { timetable, seen, .. } = &mut *state;
        for timeframe in Timeframe::ALL {
            let schedule = Schedule::Poll(timeframe);
            if self.app.schedules.is_paused(schedule) {
                continue;
            }
            let seen = &mut seen[timeframe as usize];
            let due = timetable.due(*seen, now).filter(|one| one.timeframe == timeframe);
            for series in due.filter(|series| self.concerns(series, now)) {
                self.app.queue.enqueue(JobSpec::Poll(series.clone()));
                self.app.schedules.ticked(schedule, now);
            }
            *seen = now;
        }
    }

    /// Whether nobody holds up what asks for the newest candles of the series.
    fn is_polled(&self, book: &Book) -> bool {
        !self.app.schedules.is_paused(Schedule::Poll(book.series().timeframe))
    }

    /// Whether there may be something to do here for a series: its provider is asked by this replica,
    /// or gives nothing to the one that does, so that another has to stand in.
    fn concerns(&self, series: &Series, now: DateTime<Utc>) -> bool {
        self.app.fleet.serves(&series.provider)
            || self
                .app
                .books
                .get(series)
                .is_some_and(|book| self.app.freshness(&book, now).verdict == Verdict::Stale)
    }

    /// The series that are asked for by this replica.
    fn own_books(&self) -> impl Iterator<Item = Arc<Book>> + '_ {
        self.app.live_books().filter(|book| self.app.fleet.serves(&book.series().provider))
    }

    /// Polls that left out a candle that was due.
    fn enqueue_repeats(&self, now: DateTime<Utc>) {
        let books = self.own_books().filter(|book| self.is_polled(book));
        for book in books.filter(|book| book.is_poll_due(now)) {
            self.app.queue.enqueue(JobSpec::Poll(book.series().clone()));
        }
    }

    /// A backfill is due as soon as a question may be asked. Derived candles wait for their
    /// children instead. Where polls are held up the newest candles would be asked for here.
    fn enqueue_fills(&self, now: DateTime<Utc>) {
        let policy = ingest::Policy::of_provider(&self.app.config.ingest);
        for book in self.own_books().filter(|book| self.is_polled(book)) {
            let series = book.series();
            let is_native = self.app.providers.offer(series) == Some(Origin::Native);
            if !is_native || book.trouble().is_some_and(|trouble| trouble.retry_at > now) {
                continue;
            }
            let closed_until = self.app.closed_until(series, now);
            if book.question_at(closed_until, policy).is_some_and(|at| at <= now) {
                self.app.queue.enqueue(JobSpec::Fill(series.clone()));
                self.app.schedules.ticked(Schedule::Repair, now);
            }
        }
    }

    /// Feeds of a kind that is held up stay due.
    fn enqueue_collections(&self, now: DateTime<Utc>) {
        if !self.app.fleet.serves(&ProviderId::from_static(Feed::PROVIDER)) {
            return;
        }
        let schedules = [Schedule::CollectNews, Schedule::CollectMacro];
        for (kind, schedule) in Feed::KINDS.into_iter().zip(schedules) {
            if self.app.schedules.is_paused(schedule) {
                continue;
            }
            for feed in self.app.collector.take_due(kind, now) {
                self.app.queue.enqueue(JobSpec::Collect(feed));
                self.app.schedules.ticked(schedule, now);
            }
        }
    }
}

/// When the series that are kept are due.
pub fn timetable(app: &App, roster: &Roster) -> Timetable {
    let series = roster.live().map(|series| (series.clone(), app.settle(series)));
    Timetable::new(series, app.config.ingest.spread)
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heartbeat")
    }
}
