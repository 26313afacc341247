//! The heartbeat: once a second, enqueue what the timetable, the ledgers and the feeds say is due.
//!
//! One cron job drives all series. One job per series would lose ticks: the scheduler crate
//! announces due jobs through a channel of 200, and 600 series are due within seconds.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{JobSpec, Timetable};
use crate::{
    app::App,
    ingest::{self, Book},
    market::{Feed, ProviderId, Series},
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

struct Heartbeat {
    app: Arc<App>,
    timetable: Timetable,
    /// Until when the timetable has been looked at.
    seen: std::sync::Mutex<DateTime<Utc>>,
}

impl Heartbeat {
    fn new(app: &Arc<App>) -> Self {
        let series = app.roster.live().map(|series| (series.clone(), app.settle(series)));
        let timetable = Timetable::new(series, app.config.ingest.spread);
        // What was due while we were not running is due now.
        let seen = std::sync::Mutex::new(DateTime::UNIX_EPOCH);
        Self { app: app.clone(), timetable, seen }
    }

    fn beat(&self) {
        let now = self.app.clock.now();
        self.app.metrics.scheduler_heartbeat.set(now.timestamp());
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for series in self.timetable.due(*seen, now).filter(|series| self.concerns(series, now)) {
            self.app.queue.enqueue(JobSpec::Poll(series.clone()));
        }
        *seen = now;
        drop(seen);
        self.enqueue_repeats(now);
        self.enqueue_fills(now);
        if self.app.fleet.serves(&ProviderId::from_static(Feed::PROVIDER)) {
            for feed in self.app.collector.take_due(now) {
                self.app.queue.enqueue(JobSpec::Collect(feed));
            }
        }
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
        for book in self.own_books().filter(|book| book.is_poll_due(now)) {
            self.app.queue.enqueue(JobSpec::Poll(book.series().clone()));
        }
    }

    /// A backfill is due as soon as a question may be asked. Derived candles wait for their
    /// children instead.
    fn enqueue_fills(&self, now: DateTime<Utc>) {
        let policy = ingest::Policy::of_provider(&self.app.config.ingest);
        for book in self.own_books() {
            let series = book.series();
            let is_native = self.app.providers.offer(series) == Some(Origin::Native);
            if !is_native || book.trouble().is_some_and(|trouble| trouble.retry_at > now) {
                continue;
            }
            let closed_until = self.app.closed_until(series, now);
            if book.question_at(closed_until, policy).is_some_and(|at| at <= now) {
                self.app.queue.enqueue(JobSpec::Fill(series.clone()));
            }
        }
    }
}
