//! When a provider gives nothing, the next one of the roster is asked for what is missing.
//!
//! The preferred provider is still asked at every tick. Once it answers again nobody stands in any
//! more, its own backfill brings what it had missed, and both accounts of that time are compared.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::JobSpec;
use crate::{
    app::App,
    ingest::{Book, IngestError, lineage},
    market::Series,
    providers::Origin,
};

/// Has the next provider asked for what `book` owes. Nothing happens if there is none.
pub(super) fn stand_in<'a>(
    app: &'a Arc<App>,
    book: &'a Book,
) -> BoxFuture<'a, Result<(), IngestError>> {
    Box::pin(async move {
        let roster = app.roster();
        let Some(next) = roster.stand_in(book.series()) else { return Ok(()) };
        if !app.fleet.serves(&next.provider) {
            return Ok(());
        }
        app.metrics
            .stand_ins
            .with_label_values(&[book.series().provider.as_str(), next.provider.as_str()])
            .inc();
        let owed_from = owed_from(app, book, next);
        for series in lineage(next, &app.providers) {
            if !roster.is_live(&series) {
                take_over(app, &series, owed_from).await?;
            }
            if app.providers.offer(&series) == Some(Origin::Native) {
                app.queue.enqueue(JobSpec::Poll(series));
            }
        }
        Ok(())
    })
}

/// Where the first candle begins that `book` owes, but at most a page of the next provider ago; a
/// candle to be derived needs its finer ones from its own beginning on.
fn owed_from(app: &App, book: &Book, next: &Series) -> chrono::DateTime<chrono::Utc> {
    let due = app.closed_until(book.series(), app.clock.now());
    let page = app.providers.get(&next.provider).map_or(1, |one| one.page_candles(next));
    let newest_page = due - next.timeframe.duration() * i32::try_from(page).unwrap_or(1);
    let frontier = book.with_ledger(|ledger| ledger.frontier(due));
    next.timeframe.floor(frontier.map_or(newest_page, |at| at.max(newest_page)))
}

/// Opens the book of a series that stands in, and lets it owe nothing from before.
async fn take_over(
    app: &App,
    series: &Series,
    owed_from: chrono::DateTime<chrono::Utc>,
) -> Result<(), IngestError> {
    let is_new = app.books.get(series).is_none();
    let book = app.books.open(series, owed_from);
    let mut changes = Vec::new();
    if is_new {
        changes.push(book.opening());
        tracing::info!(%series, from = %owed_from, "stands in for the first time");
    }
    changes.extend(book.waive(owed_from));
    if !changes.is_empty() {
        app.store.record(&changes, None).await?;
    }
    Ok(())
}
