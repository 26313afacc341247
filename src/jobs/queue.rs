//! What is to be done, each thing once; live polls before backfills.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    market::{Feed, ProviderId, Series, Subject},
    providers::Lane,
    telemetry::Metrics,
};

/// A piece of work. It carries no data: what exactly is to be asked for, the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobSpec {
    /// Ask for the newest candles.
    Poll(Series),
    /// Ask for the oldest candles that are owed, one chunk.
    Fill(Series),
    /// Compare what has landed with what others say of it.
    Reconcile(Series),
    /// Ask a feed for what it has published since.
    Collect(Feed),
}

impl JobSpec {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Poll(series) | Self::Fill(series) | Self::Reconcile(series) => series.into(),
            Self::Collect(feed) => feed.into(),
        }
    }

    /// Who is asked.
    pub fn asked(&self) -> ProviderId {
        match self {
            Self::Poll(series) | Self::Fill(series) | Self::Reconcile(series) => {
                series.provider.clone()
            }
            Self::Collect(feed) => feed.provider(),
        }
    }

    /// Whose series or feed it is about; those of feeds have a provider of their own.
    fn provider(&self) -> Option<&ProviderId> {
        match self {
            Self::Poll(series) | Self::Fill(series) | Self::Reconcile(series) => {
                Some(&series.provider)
            }
            Self::Collect(_) => None,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Poll(_) => "poll",
            Self::Fill(_) => "fill",
            Self::Reconcile(_) => "reconcile",
            Self::Collect(_) => "collect",
        }
    }

    pub const fn lane(&self) -> Lane {
        match self {
            Self::Poll(_) => Lane::Live,
            Self::Reconcile(_) | Self::Collect(_) => Lane::Repair,
            Self::Fill(_) => Lane::Backfill,
        }
    }
}

/// Distinct jobs by lane.
#[derive(Debug)]
pub struct Queue {
    lanes: Mutex<Lanes>,
    added: [Notify; 3],
    metrics: Metrics,
    /// Jobs of one provider that run at the same time in a lane: one that makes its jobs wait does
    /// not keep those of others waiting.
    share: usize,
}

#[derive(Debug, Default)]
struct Lanes {
    waiting: [VecDeque<JobSpec>; 3],
    queued: HashSet<JobSpec>,
    running: HashSet<JobSpec>,
}

impl Queue {
    pub fn new(metrics: &Metrics, share: usize) -> Self {
        let (lanes, added) = Default::default();
        Self { lanes, added, metrics: metrics.clone(), share }
    }

    /// Adds a job unless it is waiting already. One that is running now will run once more.
    pub fn enqueue(&self, job: JobSpec) {
        let mut lanes = self.lanes();
        if !lanes.queued.insert(job.clone()) {
            return;
        }
        let lane = job.lane();
        let waiting = &mut lanes.waiting[lane as usize];
        waiting.push_back(job);
        self.metrics.jobs_queued.with_label_values(&[lane.label()]).set(waiting.len() as i64);
        drop(lanes);
        self.wake();
    }

    /// The next job of a lane; waits for one. A job never runs twice at the same time.
    pub async fn next(&self, lane: Lane) -> JobSpec {
        loop {
            let notified = self.added[lane as usize].notified();
            if let Some(job) = self.take(lane) {
                return job;
            }
            notified.await;
        }
    }

    fn take(&self, lane: Lane) -> Option<JobSpec> {
        let mut lanes = self.lanes();
        let Lanes { waiting, queued, running } = &mut *lanes;
        let waiting = &mut waiting[lane as usize];
        let mut busy: BTreeMap<Option<&ProviderId>, usize> = BTreeMap::new();
        for job in running.iter().filter(|job| job.lane() == lane) {
            *busy.entry(job.provider()).or_default() += 1;
        }
        let has_share = |job: &JobSpec| busy.get(&job.provider()).is_none_or(|n| *n < self.share);
        let is_free = |job: &JobSpec| has_share(job) && !running.contains(job);
        let free = waiting.iter().position(is_free)?;
        let job = waiting.remove(free)?;
        queued.remove(&job);
        running.insert(job.clone());
        self.metrics.jobs_queued.with_label_values(&[lane.label()]).set(waiting.len() as i64);
        Some(job)
    }

    /// Says that a job which `next` gave out has ended.
    pub fn ended(&self, job: &JobSpec) {
        self.lanes().running.remove(job);
        self.wake();
    }

    fn wake(&self) {
        self.added.iter().for_each(Notify::notify_waiters);
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn queue() -> Queue {
        Queue::new(&Metrics::new().unwrap(), 2)
    }

    fn poll(asset: &str) -> JobSpec {
        JobSpec::Poll(format!("coinbase/{asset}/1m").parse().unwrap())
    }

    #[test]
    fn t68_ticks_that_were_missed_collapse_into_one_job() {
        let queue = queue();
        for _ in 0..180 {
            queue.enqueue(poll("BTCUSD"));
        }
        assert_eq!(queue.next(Lane::Live).now_or_never(), Some(poll("BTCUSD")));
        assert_eq!(queue.next(Lane::Live).now_or_never(), None);
    }

    #[test]
    fn what_waits_is_counted_also_while_nobody_takes_it() {
        let queue = queue();
        let waiting = || queue.metrics.jobs_queued.with_label_values(&["live"]).get();
        for asset in ["BTCUSD", "ETHUSD", "ETHUSD"] {
            queue.enqueue(poll(asset));
        }
        assert_eq!(waiting(), 2);
        queue.next(Lane::Live).now_or_never().unwrap();
        assert_eq!(waiting(), 1);
    }

    #[test]
    fn a_job_asked_for_while_it_runs_runs_again_afterwards() {
        let queue = queue();
        queue.enqueue(poll("BTCUSD"));
        let running = queue.next(Lane::Live).now_or_never().unwrap();
        queue.enqueue(poll("BTCUSD"));
        queue.enqueue(poll("ETHUSD"));
        assert_eq!(
            queue.next(Lane::Live).now_or_never(),
            Some(poll("ETHUSD")),
            "not beside itself"
        );
        assert_eq!(queue.next(Lane::Live).now_or_never(), None);
        queue.ended(&running);
        assert_eq!(queue.next(Lane::Live).now_or_never(), Some(poll("BTCUSD")));
    }

    #[test]
    fn t69_jobs_that_wait_for_one_provider_do_not_keep_those_of_others_waiting() {
        let queue = queue();
        let fill = |provider: &str, n: u32| {
            JobSpec::Fill(format!("{provider}/C{n:03}USD/1m").parse().unwrap())
        };
        for n in 0..200 {
            queue.enqueue(fill("coinbase", n));
        }
        queue.enqueue(fill("oanda", 0));
        let next = || queue.next(Lane::Backfill).now_or_never();
        let begun = [next(), next(), next()].map(Option::unwrap);
        assert_eq!(begun, [fill("coinbase", 0), fill("coinbase", 1), fill("oanda", 0)]);
        assert_eq!(next(), None, "both shares are used");
        queue.enqueue(fill("oanda", 1));
        assert_eq!(next(), Some(fill("oanda", 1)));
        queue.ended(&fill("coinbase", 1));
        assert_eq!(next(), Some(fill("coinbase", 2)));
    }

    #[test]
    fn lanes_do_not_wait_for_each_other() {
        let queue = queue();
        let fill = JobSpec::Fill("coinbase/BTCUSD/1m".parse().unwrap());
        queue.enqueue(fill.clone());
        queue.enqueue(poll("BTCUSD"));
        assert_eq!(queue.next(Lane::Live).now_or_never(), Some(poll("BTCUSD")));
        assert_eq!(queue.next(Lane::Backfill).now_or_never(), Some(fill));
    }
}
