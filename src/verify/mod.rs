//! Whether everything that must hold does: of the rows, of what is known of them, and of both together.
//!
//! Landings go on meanwhile, so the order of looking matters: what memory knew first must be in the
//! lake, and what is in the lake must be known to memory afterwards.

mod cover;
mod records;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

pub use self::report::{Example, Outcome, Report};
use self::{
    cover::uncovered,
    records::{RECORDED_ONCE, verify_records},
    report::{Found, Invariant},
};
use crate::{
    app::App,
    ingest::{Book, IngestError},
    lake::{CandleTable, LakeError, Past, ROW_INVARIANTS},
    market::{CandleState, Ledger, RecordKind, Series, Subject, Timeframe, Window},
    store::{SeriesRecord, StoreError},
};

const KNOWN_IS_LANDED: Invariant = Invariant {
    name: "known_candles_are_in_the_lake",
    says: "every candle that is called final, or was until it is asked for again, has a row",
};
const LANDED_IS_KNOWN: Invariant = Invariant {
    name: "rows_are_known",
    says: "every row is of a series that is known, and its candle is known to have landed",
};
const LANDINGS_AGREE: Invariant = Invariant {
    name: "landings_are_counted_alike",
    says: "memory, the control store and the Delta log count as many landings of a series",
};
const STORE_AGREES: Invariant = Invariant {
    name: "the_store_knows_the_same",
    says: "the control store has the same coverage as memory",
};
const WATERMARK_HOLDS: Invariant = Invariant {
    name: "the_watermark_is_the_first_gap",
    says: "nothing is owed before the watermark, and the first candle after it is, or has not closed",
};

const OF_SERIES: [Invariant; 5] =
    [KNOWN_IS_LANDED, LANDED_IS_KNOWN, LANDINGS_AGREE, STORE_AGREES, WATERMARK_HOLDS];

/// So often it is looked again whether what seems to differ was only on its way.
const LOOKS: usize = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    Timeframe(Timeframe),
    Series(Series),
    Records(RecordKind),
}

/// Why nothing was found, neither good nor bad.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("it is being verified at this moment")]
    UnderWay,
    #[error("the daemon stops")]
    Stopped,
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl From<LakeError> for VerifyError {
    fn from(error: LakeError) -> Self {
        Self::Ingest(error.into())
    }
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        Self::Ingest(error.into())
    }
}

/// Looks at all of it, beside the queries in SQL: it is as much work. Fails with `UnderWay` if
/// somebody does so already.
pub fn verify(app: &Arc<App>, scope: Scope) -> BoxFuture<'static, Result<Report, VerifyError>> {
    let app = app.clone();
    Box::pin(async move {
        let Ok(_turn) = app.verifying.clone().try_lock_owned() else {
            return Err(VerifyError::UnderWay);
        };
        let work = look(app.clone(), scope);
        app.sql.beside(work).await.unwrap_or(Err(VerifyError::Stopped))
    })
}

async fn look(app: Arc<App>, scope: Scope) -> Result<Report, VerifyError> {
    let mut found = Found::default();
    for timeframe in Timeframe::ALL {
        let (is_in, of) = match &scope {
            Scope::All => (true, None),
            Scope::Timeframe(only) => (*only == timeframe, None),
            Scope::Series(series) => (series.timeframe == timeframe, Some(series)),
            Scope::Records(_) => (false, None),
        };
        if is_in {
            verify_table(&app, app.lake.candles(timeframe), of, &mut found).await?;
        }
    }
    for kind in RecordKind::ALL {
        if scope == Scope::All || scope == Scope::Records(kind) {
            verify_records(&app, kind, &mut found).await?;
        }
    }
    let of_rows = ROW_INVARIANTS.iter();
    let of_rows = of_rows.map(|one| Invariant { name: one.name, says: one.says });
    let invariants = of_rows.chain(OF_SERIES).chain([RECORDED_ONCE]);
    Ok(found.report(invariants, app.clock.now()))
}

async fn verify_table(
    app: &App,
    table: &CandleTable,
    of: Option<&Series>,
    found: &mut Found,
) -> Result<(), VerifyError> {
    let mut books = app.books.all();
    books.retain(|book| match of {
        Some(series) => book.series() == series,
        None => book.series().timeframe == table.timeframe(),
    });
    let before: Vec<_> = books.iter().map(|book| book.with_ledger(landed)).collect();
    let pinned = table.pin(Past { known_at: None, version: Some(table.version()) }).await?;
    let mut rows: BTreeMap<Series, Vec<Window>> = BTreeMap::new();
    for partition in table.partitions()? {
        if app.lifecycle.is_stopping() {
            return Err(VerifyError::Stopped);
        }
        let looked_at = (&pinned, app.sql.environment());
        let examined = table.examine(partition, of, looked_at).await?;
        found.rows += examined.rows;
        for (name, violations) in examined.counts {
            found.count(name, violations);
        }
        for fault in examined.faults {
            let (series, start, detail) =
                (Subject::from(&fault.series), fault.open_time, fault.detail);
            found.example(fault.invariant, Example { series, start, detail });
        }
        for (series, run) in examined.runs {
            rows.entry(series).or_default().push(run);
        }
    }
    found.series += books.len();
    for (book, before) in books.iter().zip(before) {
        let rows = merged(rows.remove(book.series()).unwrap_or_default());
        for window in uncovered(&before, &rows) {
            let candles = window.candles(table.timeframe());
            let detail = format!("{candles} candles have no row");
            found.violation(KNOWN_IS_LANDED.name, example(book, window.start, detail));
        }
        verify_watermark(app, book, found);
        if !app.fleet.serves(&book.series().provider) {
            // What others land is known here a moment later; they can tell.
            continue;
        }
        let mut unknown = uncovered(&rows, &book.with_ledger(landed));
        let mut differs = differences(app, table, book).await?;
        for _ in 1..LOOKS {
            if unknown.is_empty() && differs.is_empty() {
                break;
            }
            // What has just landed is told to memory and to the store one after the other.
            tokio::time::sleep(BETWEEN).await;
            differs = differences(app, table, book).await?;
            unknown = uncovered(&rows, &book.with_ledger(landed));
        }
        for window in unknown {
            let candles = window.candles(table.timeframe());
            let detail = format!("{candles} candles with a row are not known to have landed");
            found.violation(LANDED_IS_KNOWN.name, example(book, window.start, detail));
        }
        for (invariant, detail) in differs {
            let start = book.with_ledger(Ledger::origin);
            found.violation(invariant.name, example(book, start, detail));
        }
    }
    for (series, runs) in rows {
        if app.books.get(&series).is_some() {
            // It came while it was looked.
            continue;
        }
        let (start, detail) = (runs[0].start, "nobody knows the series".to_owned());
        let series = Subject::from(&series);
        found.violation(LANDED_IS_KNOWN.name, Example { series, start, detail });
    }
    Ok(())
}

/// In order and disjoint, as those of several partitions may not be.
fn merged(mut runs: Vec<Window>) -> Vec<Window> {
    runs.sort_by_key(|run| run.start);
    let mut merged: Vec<Window> = Vec::with_capacity(runs.len());
    for run in runs {
        match merged.last_mut() {
            Some(last) if run.start <= last.end => *last = last.hull(run),
            _ => merged.push(run),
        }
    }
    merged
}

fn example(book: &Arc<Book>, start: DateTime<Utc>, detail: String) -> Example {
    Example { series: book.series().into(), start, detail }
}

/// Where rows must be.
fn landed(ledger: &Ledger) -> Vec<Window> {
    let facts = ledger.all_facts().filter(|fact| fact.value.has_landed());
    facts.map(|fact| fact.window).collect()
}

/// What memory, the store and the log say differently of a series.
async fn differences(
    app: &App,
    table: &CandleTable,
    book: &Arc<Book>,
) -> Result<Vec<(Invariant, String)>, VerifyError> {
    let mut differ = Vec::new();
    let (landings, logged) = (book.landings(), table.landings(book.series()).await?);
    let stored = app.store.series_named(book.series()).await?;
    let kept = stored.as_ref().map_or(0, |record| record.landings);
    if landings != logged || landings != kept {
        let detail = format!("memory counts {landings}, the log {logged}, the store {kept}");
        differ.push((LANDINGS_AGREE, detail));
    }
    if !stored.is_some_and(|record| says_the_same(&record, book)) {
        differ.push((STORE_AGREES, "the store has another coverage, or none".to_owned()));
    }
    Ok(differ)
}

fn says_the_same(record: &SeriesRecord, book: &Book) -> bool {
    book.with_ledger(|ledger| {
        let known: BTreeSet<_> = ledger.all_facts().map(told).collect();
        let kept: BTreeSet<_> = record.facts.iter().copied().map(told).collect();
        record.origin == ledger.origin() && known == kept
    })
}

/// A fact as it is compared.
fn told(fact: crate::market::Run<crate::market::Fact>) -> (DateTime<Utc>, DateTime<Utc>, String) {
    (fact.window.start, fact.window.end, format!("{:?}", fact.value))
}

fn verify_watermark(app: &App, book: &Arc<Book>, found: &mut Found) {
    let due = app.closed_until(book.series(), app.clock.now());
    let wrong = book.with_ledger(|ledger| {
        let (origin, watermark) = (ledger.origin(), ledger.watermark(due));
        let is_owed = |state: CandleState| state.is_gap();
        let before = ledger.states(Window::new(origin, watermark.max(origin)));
        if let Some(run) = before.iter().find(|run| is_owed(run.value)) {
            return Some((run.window.start, "a candle before the watermark is owed".to_owned()));
        }
        let after = ledger.states(Window::of_candles(watermark, ledger.timeframe(), 1));
        let is_first = watermark >= due || after.iter().all(|run| is_owed(run.value));
        (!is_first).then(|| (watermark, "the candle at the watermark is not owed".to_owned()))
    });
    if let Some((start, detail)) = wrong {
        found.violation(WATERMARK_HOLDS.name, example(book, start, detail));
    }
}
