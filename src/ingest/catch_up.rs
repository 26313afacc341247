//! Makes the store agree with the lake: the log is the truth, its records are replayed.
//!
//! Only for the providers whose books are kept here. What concerns others, their replicas tell.

use std::collections::{BTreeMap, BTreeSet};

use super::{Books, IngestError};
use crate::{
    lake::{CandleTable, CommitRecord, Lake, LakeError},
    market::{Fact, ProviderId, Run, Series},
    store::{SeriesChange, Store},
};

/// Whether the books of a provider are to be brought up to date.
pub type Concerns<'a> = dyn Fn(&ProviderId) -> bool + Send + Sync + 'a;

/// Replays, for every table, the commits that the store has not heard of.
///
/// Where the log no longer reaches back that far, or the store is new beside a filled lake, the
/// facts about landed candles are read from the rows themselves.
pub async fn catch_up(
    lake: &Lake,
    store: &Store,
    books: &Books,
    concerns: &Concerns<'_>,
) -> Result<(), IngestError> {
    for table in lake.tables() {
        let known = store.landed_versions(table.name()).await?;
        let told = books.providers().into_iter().filter(concerns);
        let told: BTreeSet<_> = told.map(|provider| known.of(&provider)).collect();
        let told = if told.is_empty() { [known.of_others()].into() } else { told };
        let newest = Some(table.version());
        match told.first().copied().flatten() {
            // The lake is older than the store remembers.
            _ if told.last().is_some_and(|told| *told > newest) => {
                rebuild(table, store, books, concerns).await?;
            }
            oldest if oldest == newest => {}
            Some(oldest) => catch_up_table(table, store, books, (oldest, concerns)).await?,
            // A new store beside a new lake has nothing to read.
            None if table.version() == 0 => {
                store.record(&[], Some((table.name(), 0))).await?;
            }
            None => rebuild(table, store, books, concerns).await?,
        }
    }
    Ok(())
}

/// Takes up the books of a provider that another replica has kept so far: as the store has them,
/// and with what has landed and the store was not told.
pub async fn take_over(
    lake: &Lake,
    store: &Store,
    books: &Books,
    provider: &ProviderId,
) -> Result<(), IngestError> {
    for record in store.series_of(provider, -1).await? {
        books.reload(&record);
    }
    for table in lake.tables() {
        table.look().await?;
    }
    catch_up(lake, store, books, &|other| other == provider).await
}

/// Replays the commits after `version`; afterwards both agree on the newest one.
pub(super) async fn catch_up_table(
    table: &CandleTable,
    store: &Store,
    books: &Books,
    (version, concerns): (u64, &Concerns<'_>),
) -> Result<(), IngestError> {
    let newest = table.version();
    let records = match table.records_after(version).await {
        Err(LakeError::LogExpired { .. }) => return rebuild(table, store, books, concerns).await,
        records => records?,
    };
    let mut changes = Vec::new();
    for (_, CommitRecord { landings, .. }) in &records {
        for landing in landings.iter().filter(|landing| concerns(&landing.series.provider)) {
            let first = landing.facts().map(|run| run.window.start).min().unwrap_or_default();
            let book = books.open(&landing.series, first);
            // A landing that is known already is told again to the store, to be safe.
            if landing.landing > book.landings() {
                changes.push(book.apply(landing));
                book.forget_tail();
            }
        }
    }
    record(table, store, books, (&changes, newest, concerns)).await?;
    tracing::info!(table = table.name(), from = version, to = newest, "caught up with the lake");
    Ok(())
}

async fn record(
    table: &CandleTable,
    store: &Store,
    books: &Books,
    (changes, version, concerns): (&[SeriesChange], u64, &Concerns<'_>),
) -> Result<(), IngestError> {
    let providers = books.providers().into_iter().filter(concerns).collect();
    Ok(store.record_landed(changes, (table.name(), version), &providers).await?)
}

/// Tells the store anew which candles have landed, from the rows of the table.
///
/// Also of the series that have no row at all: what the store remembers of them is not true.
async fn rebuild(
    table: &CandleTable,
    store: &Store,
    books: &Books,
    concerns: &Concerns<'_>,
) -> Result<(), IngestError> {
    tracing::warn!(table = table.name(), "the control store is rebuilt from the rows of the lake");
    let version = table.version();
    let mut landed: BTreeMap<Series, Vec<Run<Fact>>> = BTreeMap::new();
    for book in books.all() {
        if book.series().timeframe == table.timeframe() {
            landed.insert(book.series().clone(), Vec::new());
        }
    }
    for (series, window) in table.landed_runs().await? {
        landed.entry(series).or_default().push(Run { window, value: Fact::Final });
    }
    landed.retain(|series, _| concerns(&series.provider));
    let mut changes: Vec<SeriesChange> = Vec::new();
    for (series, runs) in &landed {
        let first = runs.iter().map(|run| run.window.start).min();
        let book = books.open(series, first.unwrap_or_default());
        let landings = table.landings(series).await?;
        changes.push(book.rebuild(runs, landings, first));
    }
    let series: Vec<Series> = landed.into_keys().collect();
    store.forget(&series).await?;
    record(table, store, books, (&changes, version, concerns)).await
}
