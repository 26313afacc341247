//! What a provider can no longer be asked for is not owed any more.
//!
//! Some give only the newest candles: whoever was away for longer than they go back would ask for the
//! rest for ever.

use crate::{
    app::App,
    ingest::{Book, IngestError, lineage},
};

/// Waives what lies beyond the reach of the provider of `book`, there and in whatever is derived from
/// it.
pub(super) async fn waive_unreachable(app: &App, book: &Book) -> Result<(), IngestError> {
    let series = book.series();
    let provider = app.providers.get(&series.provider);
    let now = app.clock.now();
    let Some(reach) = provider.and_then(|one| one.reaches_back_to(series, now)) else {
        return Ok(());
    };
    let mut changes = Vec::new();
    for other in app.books.all() {
        let is_made_of_it = other.series().provider == series.provider
            && other.series().instrument == series.instrument
            && lineage(other.series(), &app.providers).contains(series);
        if is_made_of_it {
            changes.extend(other.waive(other.series().timeframe.ceil(reach)));
        }
    }
    if !changes.is_empty() {
        tracing::warn!(%series, before = %reach, "candles can no longer be had and are not owed");
        app.store.record(&changes, None).await?;
    }
    Ok(())
}
