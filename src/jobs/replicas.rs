//! What a replica does for being one of several: its heartbeat, and following the others.

use std::{sync::Arc, time::Duration};

use super::JobSpec;
use crate::{app::App, error::chain, ingest::IngestError, market::ProviderId};

/// How often it is looked what the others have landed. Real time: nothing of the market hangs on it.
const FOLLOW: Duration = Duration::from_secs(1);

/// Starts both, and stops them with the program. Without other replicas there is nothing to do.
pub fn start(app: &Arc<App>) {
    if !app.fleet.is_alone() {
        app.lifecycle.spawn(beat(app.clone()));
        app.lifecycle.spawn(follow(app.clone()));
    }
}

async fn beat(app: Arc<App>) {
    let mut said = false;
    loop {
        tokio::select! {
            () = app.lifecycle.stopping() => return,
            () = app.clock.sleep(app.fleet.pulse()) => {}
        }
        let kept_up = app.keep_up().await;
        report(&kept_up, &mut said, "the heartbeat of this replica failed");
        for provider in kept_up.unwrap_or_default() {
            poll_all(&app, &provider);
        }
    }
}

async fn follow(app: Arc<App>) {
    let mut said = false;
    loop {
        tokio::select! {
            () = app.lifecycle.stopping() => return,
            () = tokio::time::sleep(FOLLOW) => {}
        }
        let followed = app.follower.follow(&app.collector).await;
        report(&followed, &mut said, "what other replicas landed cannot be followed");
        app.follower.maintain().await;
    }
}

/// What was due while nobody asked is due now.
fn poll_all(app: &App, provider: &ProviderId) {
    for series in app.roster.live().filter(|series| series.provider == *provider) {
        app.queue.enqueue(JobSpec::Poll(series.clone()));
    }
}

/// Says a failure once, until it has passed.
fn report<T>(outcome: &Result<T, IngestError>, said: &mut bool, what: &str) {
    match outcome {
        Ok(_) => *said = false,
        Err(error) if !*said => {
            *said = true;
            tracing::warn!(error = chain(error), "{what}");
        }
        Err(_) => {}
    }
}
