//! Chunks are claimed, done and settled; on every replica, several at a time for each provider.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::futures::Notified;

use super::{Request, command::leave_history, plan};
use crate::{
    app::App,
    crash,
    error::{ErrorClass, chain},
    ingest::{Begun, Book, IngestError, Source},
    jobs,
    market::{ProviderId, Series, Window},
    store::{BackfillState, Claim, Claimer, Settlement, Spent, StoreError},
};

/// Attempts after which a chunk has failed.
const MOST_ATTEMPTS: i64 = 5;
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(10);
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(10);

/// Starts the workers of every provider, and what looks after them.
pub async fn start(app: &Arc<App>) -> Result<(), StoreError> {
    take_up(app).await?;
    for provider in app.providers.iter() {
        for _ in 0..app.config.backfill.workers {
            app.lifecycle.spawn(work(app.clone(), provider.id().clone()));
        }
    }
    app.lifecycle.spawn(look_after(app.clone()));
    Ok(())
}

/// Goes on where this replica was before it ended.
pub async fn take_up(app: &App) -> Result<(), StoreError> {
    app.store.take_back_chunks(Some(app.replica()), app.clock.now()).await?;
    leave_history(app).await
}

async fn work(app: Arc<App>, provider: ProviderId) {
    while !app.lifecycle.is_stopping() {
        let change = app.running.next_change();
        match claim(&app, &provider).await {
            Ok(Some(claim)) => {
                if let Err(error) = Box::pin(done(&app, &claim)).await {
                    let chunk = &*claim.chunk.id;
                    tracing::warn!(chunk, error = chain(&error), "a chunk was not settled");
                }
            }
            Ok(None) => rest(&app, change).await,
            Err(error) => {
                tracing::warn!(%provider, error = chain(&error), "no chunk could be claimed");
                rest(&app, change).await;
            }
        }
    }
}

/// A chunk that panics takes neither its worker along nor its backfill.
async fn done(app: &Arc<App>, claim: &Claim) -> Result<(), StoreError> {
    let begun = begin(app, claim);
    let work = Box::pin(async {
        tokio::select! {
            done = settle(app, claim, &begun) => done,
            () = keep(app, claim, &begun) => Ok(()),
        }
    });
    if let Ok(done) = AssertUnwindSafe(work).catch_unwind().await {
        return done;
    }
    tracing::error!(chunk = claim.chunk.id, "a chunk panicked");
    let settlement = again(app, claim, "its worker panicked".to_owned());
    app.store.settle_chunk(claim, &settlement, Spent::default(), app.clock.now()).await
}

async fn rest(app: &App, change: Notified<'_>) {
    tokio::select! {
        () = app.lifecycle.stopping() => {}
        () = app.clock.sleep(unannounced(app)) => {}
        () = change => {}
    }
}

async fn look_after(app: Arc<App>) {
    while !app.lifecycle.is_stopping() {
        match AssertUnwindSafe(tick(&app)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "backfills are not looked after");
            }
            Err(_) => tracing::error!("whoever looks after backfills panicked"),
        }
        tokio::select! {
            () = app.lifecycle.stopping() => {}
            () = app.clock.sleep(unannounced(&app)) => {}
        }
    }
}

/// How often it is looked for work that nobody has announced: other replicas leave some behind.
fn unannounced(app: &App) -> Duration {
    part_of_lease(app, 6)
}

/// How long a claim holds. Somebody has to notice that it has ended as well, and begin anew.
fn lease(app: &App) -> TimeDelta {
    app.config.backfill.lease * 2 / 3
}

fn part_of_lease(app: &App, part: i32) -> Duration {
    (app.config.backfill.lease / part).to_std().unwrap_or_default()
}

/// Gives back the chunks of workers that went away, and ends what has nothing left to do.
pub async fn tick(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    app.store.take_back_chunks(None, now).await?;
    end(app, now).await?;
    leave_history(app).await
}

/// Ends what has nothing left to do; tells whether that was any.
async fn end(app: &App, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let ended = app.store.end_backfills(now).await?;
    for id in &ended {
        tracing::info!(backfill = id, "a backfill has ended");
    }
    Ok(!ended.is_empty())
}

/// Does one chunk of a provider, if there is one to do.
pub fn step<'a>(
    app: &'a Arc<App>,
    provider: &'a ProviderId,
) -> BoxFuture<'a, Result<bool, StoreError>> {
    Box::pin(async move {
        let Some(claim) = claim(app, provider).await? else { return Ok(false) };
        settle(app, &claim, &begin(app, &claim)).await?;
        Ok(true)
    })
}

async fn claim(app: &App, provider: &ProviderId) -> Result<Option<Claim>, StoreError> {
    let now = app.clock.now();
    if !app.fleet.serves(provider) || app.running.is_held(provider, now) {
        return Ok(None);
    }
    for backfill in app.store.backfills_with_work(provider, now).await? {
        let lease_until = now + lease(app);
        let claimer = Claimer { holder: app.replica(), now, lease_until };
        if let Some(claim) = app.store.claim_chunk(&backfill, provider, claimer).await? {
            crash::point("chunk_claimed");
            return Ok(Some(claim));
        }
    }
    Ok(None)
}

fn begin<'a>(app: &'a App, claim: &Claim) -> Begun<'a> {
    app.running.begin(&claim.chunk.id, &claim.chunk.backfill_id, app.lifecycle.halt())
}

/// Keeps the right to the chunk, and halts it if that is lost, its backfill is held up elsewhere or
/// another replica answers for the provider.
async fn keep(app: &App, claim: &Claim, begun: &Begun<'_>) {
    let lease = lease(app);
    let mut renew_at = app.clock.now() + lease / 3;
    loop {
        // Every second, with the lease that is usual.
        app.clock.sleep(part_of_lease(app, 30)).await;
        let now = app.clock.now();
        if now >= renew_at {
            match app.store.renew_claim(claim, now + lease).await {
                Ok(()) => renew_at = now + lease / 3,
                Err(StoreError::MovedOn { .. }) => begun.halt.cancel(),
                Err(error) => tracing::warn!(error = chain(&error), "a claim was not renewed"),
            }
        }
        // While the store is away its leases may end: nothing goes on without one.
        let is_lost = now >= renew_at + lease * 2 / 3;
        let is_served = app.fleet.serves(&claim.chunk.series.provider);
        if is_lost || !is_served || !is_active(app, claim).await {
            begun.halt.cancel();
        }
    }
}

async fn is_active(app: &App, claim: &Claim) -> bool {
    match app.store.backfill(&claim.chunk.backfill_id).await {
        Ok(backfill) => backfill.is_some_and(|one| one.state == BackfillState::Active),
        Err(_) => true,
    }
}

async fn settle(app: &Arc<App>, claim: &Claim, begun: &Begun<'_>) -> Result<(), StoreError> {
    let (settlement, spent) = match attempt(app, claim, begun).await {
        Ok(done) => done,
        Err(error) => (failed(app, claim, &error), Spent::default()),
    };
    let outcome = match &settlement {
        Settlement::Done => "done",
        Settlement::Later { .. } => "later",
        Settlement::Failed { .. } => "failed",
    };
    let provider = claim.chunk.series.provider.as_str();
    app.metrics.backfill_chunks.with_label_values(&[provider, outcome]).inc();
    let now = app.clock.now();
    app.store.settle_chunk(claim, &settlement, spent, now).await?;
    if let Settlement::Later { not_before, error: Some(_), is_attempt: false } = settlement {
        // Whoever cannot be asked for this chunk cannot be asked for the others either.
        app.running.hold(&claim.chunk.series.provider, not_before);
    }
    crash::point("chunk_settled");
    let is_over = !matches!(settlement, Settlement::Later { .. });
    if is_over && end(app, now).await? {
        leave_history(app).await?;
    }
    Ok(())
}

/// Asks for what is still wanted and lands it; what became of it, and the requests that were made.
async fn attempt(
    app: &Arc<App>,
    claim: &Claim,
    begun: &Begun<'_>,
) -> Result<(Settlement, Spent), IngestError> {
    let series = &claim.chunk.series;
    if claim.chunk.attempts >= MOST_ATTEMPTS {
        let last = claim.chunk.error.as_deref().unwrap_or("its worker went away");
        let error = format!("given up after {MOST_ATTEMPTS} attempts: {last}");
        return Ok((Settlement::Failed { error }, Spent::default()));
    }
    let unknown = || IngestError::UnknownSeries { series: series.clone() };
    let source = app.source(series).ok_or_else(unknown)?;
    let request = request_of(app, claim).await?;
    let book = open(app, series, claim.chunk.window).await?;
    let refetch = app.config.ingest.refetch_candles;
    let wanted =
        book.with_ledger(|ledger| plan::wanted(ledger, claim.chunk.window, &request, refetch));
    let pages = source.pages(series, &wanted).len();
    let fetched = source.fetch(&book, &wanted, request.lane(), &begun.halt).await;
    let is_native = matches!(source, Source::Provider { .. });
    let answers = fetched.verdicts.len() + usize::from(fetched.failure.is_some());
    let is_halted = is_native && fetched.failure.is_none() && answers < pages;
    let requests = if is_native { answers } else { 0 };
    let (landed, error) = jobs::land(app, &book, &source, fetched).await?;
    crash::point("chunk_landed");
    jobs::follow_up(app, series, &landed);
    let settlement = match error {
        // Whoever gets somewhere may go on for as long as it takes.
        Some(error) if landed.rows > 0 && error.class().is_retryable() => Settlement::Later {
            not_before: error.until().unwrap_or_else(|| app.clock.now() + FIRST_WAIT),
            error: Some(chain(&error)),
            is_attempt: false,
        },
        Some(error) => failed(app, claim, &error),
        None if is_halted => {
            Settlement::Later { not_before: app.clock.now(), error: None, is_attempt: false }
        }
        None => Settlement::Done,
    };
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Ok((settlement, Spent { requests: count(requests), rows: count(landed.rows) }))
}

async fn request_of(app: &App, claim: &Claim) -> Result<Request, StoreError> {
    let id = &claim.chunk.backfill_id;
    let unreadable = |value| StoreError::Unreadable { what: "a request", value };
    let backfill = app.store.backfill(id).await?.ok_or_else(|| unreadable(id.clone()))?;
    serde_json::from_str(&backfill.request).map_err(|_| unreadable(backfill.request))
}

/// The book of a series; one that is new begins where this chunk ends, and reaches back from there.
async fn open(app: &App, series: &Series, window: Window) -> Result<Arc<Book>, StoreError> {
    if let Some(book) = app.books.get(series) {
        return Ok(book);
    }
    let book = app.books.open(series, window.end);
    app.store.record(&[book.opening()], None).await?;
    leave_history(app).await?;
    Ok(book)
}

/// An attempt that failed: tried again later, unless trying again cannot help.
fn failed(app: &App, claim: &Claim, error: &IngestError) -> Settlement {
    let text = chain(error);
    // Another replica does it; nothing is wrong with the chunk.
    if error.is_not_served() {
        let not_before = app.clock.now();
        return Settlement::Later { not_before, error: None, is_attempt: false };
    }
    // Who cannot be asked yet has not failed.
    if let Some(until) = error.until() {
        return Settlement::Later { not_before: until, error: Some(text), is_attempt: false };
    }
    if error.class().is_retryable() || error.class() == ErrorClass::Internal {
        return again(app, claim, text);
    }
    Settlement::Failed { error: text }
}

/// One attempt more, if there is one.
fn again(app: &App, claim: &Claim, error: String) -> Settlement {
    let attempts = claim.chunk.attempts + 1;
    if attempts >= MOST_ATTEMPTS {
        return Settlement::Failed { error };
    }
    let not_before = app.clock.now() + wait(attempts);
    Settlement::Later { not_before, error: Some(error), is_attempt: true }
}

fn wait(attempts: i64) -> TimeDelta {
    let doubled = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    (FIRST_WAIT * (1 << doubled)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_waits_twice_as_long_up_to_ten_minutes() {
        let seconds: Vec<_> = (1..=8).map(|attempts| wait(attempts).num_seconds()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 600, 600]);
    }
}
