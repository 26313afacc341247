//! Runs jobs, several at a time; live polls have workers of their own.

use std::sync::Arc;

use super::{JobSpec, run::run};
use crate::{app::App, error::chain, providers::Lane};

/// Starts the workers of every lane; on stop each finishes the job it has begun.
pub fn start(app: &Arc<App>) {
    for _ in 0..app.config.ingest.workers {
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
        run_and_report(&app, &job).await;
        app.queue.ended(&job);
    }
}

async fn run_and_report(app: &Arc<App>, job: &JobSpec) {
    let kind = job.kind();
    let timer = app.metrics.job_seconds.with_label_values(&[kind]).start_timer();
    let outcome = run(app, job).await;
    timer.observe_duration();
    let label = outcome.as_ref().err().map_or("done", |error| error.class().label());
    app.metrics.jobs.with_label_values(&[kind, label]).inc();
    if let Err(error) = outcome {
        let subject = job.subject();
        tracing::warn!(job.kind = kind, %subject, error = chain(&error), "a job failed");
    }
}
