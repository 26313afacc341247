//! What a replica does for being one of several: its heartbeat, and following the others.

use std::{sync::Arc, time::Duration};

use super::JobSpec;
use crate::{app::App, error::chain, ingest::Schedule, market::ProviderId};

/// How often it is looked what the others have landed. Real time: nothing of the market hangs on it.
const FOLLOW: Duration = Duration::from_secs(1);

/// So many commits of others in a table in which nothing of ours lands are taken in at once.
const BEHIND: u64 = 1_000;

/// Starts both, and stops them with the program. Without other replicas there is nothing to do.
pub fn start(app: &Arc<App>) {
    if !app.fleet.is_alone() {
        app.lifecycle.spawn(beat(app.clone()));
        app.lifecycle.spawn(follow(app.clone()));
    }
}

/// Nothing else is waited for here: what takes long must not cost the leases.
async fn beat(app: Arc<App>) {
    let mut said = false;
    loop {
        tokio::select! {
            () = app.lifecycle.stopping() => return,
            () = app.clock.sleep(app.fleet.pulse()) => {}
        }
        report(&app.fleet.beat().await, &mut said, "the heartbeat of this replica failed");
    }
}

async fn follow(app: Arc<App>) {
    let (mut said, mut said_of_books) = (false, false);
    loop {
        tokio::select! {
            () = app.lifecycle.stopping() => return,
            () = tokio::time::sleep(FOLLOW) => {}
        }
        let followed = app.follower.follow(&app.collector).await;
        report(&followed, &mut said, "what other replicas landed cannot be followed");
        let taken_up = app.take_duties().await;
        report(&taken_up, &mut said_of_books, "a duty cannot be taken up yet");
        for provider in taken_up.unwrap_or_default() {
            poll_all(&app, &provider);
        }
        app.follower.maintain().await;
        app.keeper.keep_up(&app.lander, BEHIND).await;
    }
}

/// What was due while nobody asked is due now, unless polls are held up: then it is due afterwards.
fn poll_all(app: &App, provider: &ProviderId) {
    let roster = app.roster();
    for series in roster.live().filter(|series| series.provider == *provider) {
        if app.schedules.is_paused(Schedule::Poll(series.timeframe)) {
            continue;
        }
        app.queue.enqueue(JobSpec::Poll(series.clone()));
    }
}

/// Says a failure once, until it has passed.
fn report<T, E: std::error::Error>(outcome: &Result<T, E>, said: &mut bool, what: &str) {
    match outcome {
        Ok(_) => *said = false,
        Err(error) if !*said => {
            *said = true;
            tracing::warn!(error = chain(error), "{what}");
        }
        Err(_) => {}
    }
}
