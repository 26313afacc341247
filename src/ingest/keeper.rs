//! The maintenance of the lake: a pass over every table once a day, by one replica for all.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{IngestError, Lander};
use crate::{
    clock::Clock,
    error::chain,
    fleet::{Duty, Fleet},
    lake::{Lake, LakeError, Table, Upkeep},
    lifecycle::Lifecycle,
    store::{KeptUpkeep, Store},
    telemetry::Metrics,
};

/// Knows when the lake was last maintained, and sees to it that it is again.
#[derive(Debug)]
pub struct Keeper {
    lake: Lake,
    store: Store,
    fleet: Arc<Fleet>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    lifecycle: Lifecycle,
    /// When the store is to be asked next whether something is due.
    next_at: Mutex<DateTime<Utc>>,
    is_running: AtomicBool,
}

/// Which tables a round is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Due,
    All,
}

/// A round that is under way, until this is dropped; also should it panic.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Keeper {
    /// How long from one pass over a table to the next.
    pub const EVERY: TimeDelta = TimeDelta::days(1);
    /// After a failure it is tried again sooner.
    const RETRY: TimeDelta = TimeDelta::hours(1);

    /// Takes up from the store when each table was last maintained.
    pub async fn new(
        (lake, store): (&Lake, &Store),
        fleet: &Arc<Fleet>,
        (clock, metrics, lifecycle): (&Arc<dyn Clock>, &Metrics, &Lifecycle),
    ) -> Result<Self, IngestError> {
        // One that was never maintained shows as such.
        for table in lake.all() {
            metrics.upkeep_success.with_label_values(&[table.name()]).set(0);
            metrics.upkeep_entries_removed.with_label_values(&[table.name()]).inc_by(0);
        }
        for done in store.upkeep().await? {
            let last = metrics.upkeep_success.with_label_values(&[&*done.table]);
            last.set(done.succeeded_at.timestamp());
        }
        Ok(Self {
            lake: lake.clone(),
            store: store.clone(),
            fleet: fleet.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            lifecycle: lifecycle.clone(),
            next_at: Mutex::new(DateTime::UNIX_EPOCH),
            is_running: AtomicBool::new(false),
        })
    }

    /// When something is due next, as far as is known here; `None` if it is another replica's duty.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        self.fleet.holds(&Duty::Lake).then(|| (*self.next()).max(now))
    }

    /// Begins a round over the tables that are due at `now`, if that is this replica's duty. The
    /// answer is whether it has begun one.
    pub fn begin_if_due(self: &Arc<Self>, now: DateTime<Utc>) -> bool {
        *self.next() <= now && self.begin(Round::Due)
    }

    /// Begins a round over all tables, due or not.
    pub fn begin_all(self: &Arc<Self>) -> bool {
        self.begin(Round::All)
    }

    /// Whether a round is under way.
    pub fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Acquire)
    }

    fn begin(self: &Arc<Self>, round: Round) -> bool {
        if !self.fleet.holds(&Duty::Lake)
            || self.lifecycle.is_stopping()
            || self.is_running.swap(true, Ordering::AcqRel)
        {
            return false;
        }
        let (keeper, runtime) = (self.clone(), tokio::runtime::Handle::current());
        // Much of it is work for a disk and a processor; and a runtime that ended beneath it would
        // make it panic, so the end waits for it.
        self.lifecycle.spawn_blocking(move || {
            let _running = Running(&keeper.is_running);
            let next_at = runtime.block_on(keeper.go_round(round)).unwrap_or_else(|error| {
                tracing::warn!(error = chain(&error), "the lake is not maintained");
                keeper.clock.now() + Self::RETRY
            });
            *keeper.next() = next_at;
        });
        true
    }

    /// One table after the other, for as long as it is this replica's to do. When the next round is.
    async fn go_round(&self, round: Round) -> Result<DateTime<Utc>, IngestError> {
        let done = self.store.upkeep().await?;
        let done: BTreeMap<String, DateTime<Utc>> =
            done.into_iter().map(|one| (one.table, one.succeeded_at)).collect();
        let mut next_at = self.clock.now() + Self::EVERY;
        for table in self.lake.all() {
            let now = self.clock.now();
            let due_at = done.get(table.name()).map(|last| *last + Self::EVERY);
            if let Some(due_at) = due_at.filter(|due_at| *due_at > now && round == Round::Due) {
                next_at = next_at.min(due_at);
                continue;
            }
            if self.lifecycle.is_stopping() || !self.fleet.holds(&Duty::Lake) {
                return Ok(now);
            }
            if let Err(error) = self.keep(&table).await {
                let table = table.name();
                tracing::warn!(table, error = chain(&error), "a table is not maintained");
                next_at = next_at.min(now + Self::RETRY);
            }
        }
        Ok(next_at)
    }

    /// A pass over one table, and what is to be known of it afterwards: its small files are merged,
    /// unless compaction is held up or somebody is at it, and then it is maintained.
    pub async fn keep(&self, table: &Table) -> Result<Upkeep, IngestError> {
        let began = Instant::now();
        if !table.compaction_is_held_up() {
            match table.optimize().await {
                Ok(()) | Err(LakeError::UnderWay { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let taken_in = self.taken_in(table).await?;
        let done = table.maintain(taken_in).await?;
        let (took, at) = (began.elapsed(), self.clock.now());
        self.count(table, &done, (took.as_secs_f64(), at));
        tracing::info!(
            table = table.name(),
            files_before = done.before.files,
            bytes_before = done.before.bytes,
            files_removed = done.removed.files,
            bytes_removed = done.removed.bytes,
            entries_removed = done.entries_removed,
            oldest_version = done.oldest_version,
            duration_ms = took.as_millis(),
            "maintained a table"
        );
        let kept = KeptUpkeep {
            table: table.name().to_owned(),
            succeeded_at: at,
            replica: self.fleet.name().to_owned(),
            millis: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            files_before: done.before.files.cast_signed(),
            bytes_before: done.before.bytes.cast_signed(),
            files_removed: done.removed.files.cast_signed(),
            bytes_removed: done.removed.bytes.cast_signed(),
            entries_removed: done.entries_removed.cast_signed(),
        };
        self.store.keep_upkeep(&kept).await?;
        Ok(done)
    }

    /// Up to which version everybody who reads the records of a table has read them, which is what
    /// the store was told: whoever starts, takes over or finds that others have committed reads on
    /// from there. Nobody reads those of news and indicators: they are compared with the rows.
    async fn taken_in(&self, table: &Table) -> Result<Option<u64>, IngestError> {
        if !self.lake.tables().any(|one| one.name() == table.name()) {
            return Ok(Some(u64::MAX));
        }
        Ok(self.store.landed_versions(table.name()).await?.of_others())
    }

    fn count(&self, table: &Table, done: &Upkeep, (seconds, at): (f64, DateTime<Utc>)) {
        let metrics = &self.metrics;
        let after =
            (done.before.files - done.removed.files, done.before.bytes - done.removed.bytes);
        let moments = [("before", (done.before.files, done.before.bytes)), ("after", after)];
        for (moment, (files, bytes)) in moments {
            let labels = [table.name(), moment];
            metrics.upkeep_files.with_label_values(&labels).set(files.cast_signed());
            metrics.upkeep_bytes.with_label_values(&labels).set(bytes.cast_signed());
        }
        let label = [table.name()];
        metrics.upkeep_entries_removed.with_label_values(&label).inc_by(done.entries_removed);
        metrics.upkeep_seconds.with_label_values(&label).observe(seconds);
        metrics.upkeep_success.with_label_values(&label).set(at.timestamp());
    }

    /// Has the tables taken in whose newest `behind` commits were all of others, although nothing of
    /// ours lands there: until the store is told, the log cannot be shortened.
    pub async fn keep_up(&self, lander: &Lander, behind: u64) {
        for table in self.lake.tables() {
            if table.version().saturating_sub(table.known().await) >= behind {
                lander.take_in(table.timeframe());
            }
        }
    }

    fn next(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.next_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
