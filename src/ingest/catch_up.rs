//! Makes the store agree with the lake: the log is the truth, its records are replayed.

use std::collections::BTreeMap;

use super::{Books, IngestError};
use crate::{
    lake::{CandleTable, CommitRecord, Lake, LakeError},
    market::{Fact, Run, Series},
    store::{SeriesChange, Store},
};

/// Replays, for every table, the commits that the store has not heard of.
///
/// Where the log no longer reaches back that far, or the store is new beside a filled lake, the
/// facts about landed candles are read from the rows themselves.
pub async fn catch_up(lake: &Lake, store: &Store, books: &Books) -> Result<(), IngestError> {
    for table in lake.tables() {
        let recorded = store.lake_version(table.name()).await?;
        match recorded {
            Some(version) if version == table.version() => {}
            Some(version) if version < table.version() => {
                catch_up_table(table, store, books, version).await?;
            }
            // A new store beside a new lake has nothing to read.
            None if table.version() == 0 => {
                store.record(&[], Some((table.name(), 0))).await?;
            }
            // The store is new, or the lake older than the store remembers.
            _ => rebuild(table, store, books).await?,
        }
    }
    Ok(())
}

/// Replays the commits after `version`; afterwards both agree on the newest one.
pub(super) async fn catch_up_table(
    table: &CandleTable,
    store: &Store,
    books: &Books,
    version: u64,
) -> Result<(), IngestError> {
    let records = match table.records_after(version).await {
        Err(LakeError::LogExpired { .. }) => return rebuild(table, store, books).await,
        records => records?,
    };
    let newest = table.version();
    let mut changes = Vec::new();
    for (_, CommitRecord { landings, .. }) in &records {
        for landing in landings {
            let first = landing.facts().map(|run| run.window.start).min().unwrap_or_default();
            let book = books.open(&landing.series, first);
            // A landing that is known already is told again to the store, to be safe.
            if landing.landing > book.landings() {
                changes.push(book.apply(landing));
                book.forget_tail();
            }
        }
    }
    store.record(&changes, Some((table.name(), newest))).await?;
    tracing::info!(table = table.name(), from = version, to = newest, "caught up with the lake");
    Ok(())
}

/// Tells the store anew which candles have landed, from the rows of the table.
///
/// Also of the series that have no row at all: what the store remembers of them is not true.
async fn rebuild(table: &CandleTable, store: &Store, books: &Books) -> Result<(), IngestError> {
    tracing::warn!(table = table.name(), "the control store is rebuilt from the rows of the lake");
    let mut landed: BTreeMap<Series, Vec<Run<Fact>>> = BTreeMap::new();
    for book in books.all() {
        if book.series().timeframe == table.timeframe() {
            landed.insert(book.series().clone(), Vec::new());
        }
    }
    for (series, window) in table.landed_runs().await? {
        landed.entry(series).or_default().push(Run { window, value: Fact::Final });
    }
    let mut changes: Vec<SeriesChange> = Vec::new();
    for (series, runs) in &landed {
        let first = runs.iter().map(|run| run.window.start).min();
        let book = books.open(series, first.unwrap_or_default());
        let landings = table.landings(series).await?;
        changes.push(book.rebuild(runs, landings, first));
    }
    let series: Vec<Series> = landed.into_keys().collect();
    store.forget(&series).await?;
    store.record(&changes, Some((table.name(), table.version()))).await?;
    Ok(())
}
