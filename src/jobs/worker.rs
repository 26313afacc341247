//! Runs jobs, several at a time of each provider; live polls have workers of their own.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;

use super::{JobSpec, run::run};
use crate::{app::App, error::chain, ingest::IngestError, providers::Lane};

/// Starts the workers of every lane; on stop each finishes the job it has begun.
pub fn start(app: &Arc<App>) {
    // The queue gives nobody more than a share, so whoever makes jobs wait leaves the rest to others.
    let shares = app.providers.iter().count() + usize::from(app.providers.feeds().is_some());
    for _ in 0..app.config.ingest.workers * shares {
        for lane in Lane::ALL {
            app.lifecycle.spawn(work(app.clone(), lane));
        }
    }
}

async fn work(app: Arc<App>, lane: Lane) {
    loop {
        let job = tokio::select! {
            biased;
            () = app.lifecycle.stopping() => return,
            job = app.queue.next(lane) => job,
        };
        // A job that panics must not take its worker along, nor keep its series for ever.
        let ran = AssertUnwindSafe(run_and_report(&app, &job)).catch_unwind().await;
        app.queue.ended(&job);
        if ran.is_err() {
            app.metrics.jobs.with_label_values(&[job.kind(), "panicked"]).inc();
            tracing::error!(job.kind = job.kind(), subject = %job.subject(), "a job panicked");
        }
    }
}

async fn run_and_report(app: &Arc<App>, job: &JobSpec) {
    let kind = job.kind();
    let timer = app.metrics.job_seconds.with_label_values(&[kind]).start_timer();
    let outcome = run(app, job).await;
    timer.observe_duration();
    let label = outcome.as_ref().err().map_or("done", |error| error.class().label());
    app.metrics.jobs.with_label_values(&[kind, label]).inc();
    let Err(error) = outcome else { return };
    let subject = job.subject();
    if matches!(error, IngestError::NotServed { .. }) {
        tracing::debug!(job.kind = kind, %subject, error = chain(&error), "a job was left");
    } else if error.until().is_some() {
        // Said once, of the provider; every series would say it again.
        tracing::debug!(job.kind = kind, %subject, error = chain(&error), "a job waits");
    } else {
        tracing::warn!(job.kind = kind, %subject, error = chain(&error), "a job failed");
    }
}
