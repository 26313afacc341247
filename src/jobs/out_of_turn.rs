//! What was decided elsewhere is taken up, and schedules tick because somebody asks for it.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{JobSpec, building, verification};
use crate::{
    app::App,
    error::chain,
    fleet::Duty,
    ingest::{Book, IngestError, Roster, Schedule},
    market::{Feed, ProviderId, Series},
    providers::Origin,
};

/// Takes in what the store says of assets and schedules, here or because of another replica, and
/// ticks what was asked for since.
pub fn take_up(app: &Arc<App>) -> BoxFuture<'_, Result<(), IngestError>> {
    Box::pin(async move {
        for schedule in app.take_up().await? {
            tracing::info!(%schedule, "ticks out of turn");
            tick(app, schedule);
        }
        Ok(())
    })
}

/// Puts everything a schedule is about into the queue, held up or not; of what other replicas have to
/// do they do so themselves.
fn tick(app: &Arc<App>, schedule: Schedule) {
    app.schedules.ticked(schedule, app.clock.now());
    match schedule {
        Schedule::Poll(timeframe) => {
            let roster = app.roster();
            for series in own(app, &roster).filter(|one| one.timeframe == timeframe) {
                app.queue.enqueue(JobSpec::Poll(series.clone()));
            }
        }
        Schedule::Repair => {
            for series in own(app, &app.roster()) {
                if app.providers.offer(series) == Some(Origin::Native) {
                    app.queue.enqueue(JobSpec::Fill(series.clone()));
                }
            }
        }
        Schedule::CollectNews => collect(app, Feed::KINDS[0]),
        Schedule::CollectMacro => collect(app, Feed::KINDS[1]),
        Schedule::Reconcile => {
            let is_due = |book: &Arc<Book>| {
                book.has_to_compare() && app.fleet.serves(&book.series().provider)
            };
            for book in app.books.all().into_iter().filter(is_due) {
                app.queue.enqueue(JobSpec::Reconcile(book.series().clone()));
            }
        }
        Schedule::Build => building::begin(app),
        // Whoever has the duty; one that is under way will do.
        Schedule::Maintain => _ = app.keeper.begin_all(),
        Schedule::Verify => verification::begin(app),
        Schedule::Compact if !app.fleet.holds(&Duty::Lake) => {}
        Schedule::Compact => {
            // One at a time; a compaction beside it that is faster wins, and nothing is lost.
            let app = app.clone();
            app.clone().lifecycle.spawn_blocking(move || compact(&app));
        }
    }
}

/// The series that are kept and asked for by this replica.
fn own<'a>(app: &'a App, roster: &'a Roster) -> impl Iterator<Item = &'a Series> {
    roster.live().filter(|series| app.fleet.serves(&series.provider))
}

fn collect(app: &App, kind: &str) {
    if !app.fleet.serves(&ProviderId::from_static(Feed::PROVIDER)) {
        return;
    }
    for (feed, _) in app.collector.feeds().into_iter().filter(|(feed, _)| feed.kind() == kind) {
        app.queue.enqueue(JobSpec::Collect(feed));
    }
}

/// Merges one full tier of every table.
fn compact(app: &App) {
    let runtime = tokio::runtime::Handle::current();
    for table in app.lake.all().into_iter().filter(|_| !app.lifecycle.is_stopping()) {
        if let Err(error) = runtime.block_on(table.compact()) {
            tracing::warn!(table = table.name(), error = chain(&error), "a compaction failed");
        }
    }
}
