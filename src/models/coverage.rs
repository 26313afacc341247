//! What became of the candles of each series and day, and on which days that has changed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use deltalake::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    error::ArrowError,
};

use crate::{
    ingest::{Book, Books},
    market::{CandleState, Series, Window},
    query::days,
};

/// The ledgers as rows: `source_provider`, `asset_pair`, `timeframe`, `timestamp` (where the day begins),
/// and how many candles of the day are in each state. Only what has closed and settled is counted.
///
/// Which days have changed is known by comparing them with what was told before. After a start nothing
/// was, nor after somebody else has been told, so that everything is new then: it serves one model.
pub(super) struct Coverage {
    /// No version of another start is one of this.
    start: u64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What was told by then is in `of`.
    version: Option<u64>,
    of: BTreeMap<Series, Days>,
}

struct Days {
    /// Of the book, and until when candles had closed.
    as_of: (u64, DateTime<Utc>),
    days: BTreeMap<i64, Counts>,
}

/// By state, in the order of `CandleState::ALL`.
type Counts = [i64; CandleState::ALL.len()];

/// Changes of all books between two starts, at most; more only make a version equal one of later.
const CHANGES: u64 = 1 << 22;

impl Coverage {
    pub(super) fn new(started_at: DateTime<Utc>) -> Self {
        let start = started_at.timestamp().cast_unsigned().wrapping_mul(CHANGES);
        Self { start, seen: Mutex::default() }
    }

    pub(super) fn version(&self, books: &Books) -> u64 {
        self.start.wrapping_add(books.epoch())
    }

    /// As it was when its changes were last told; what has changed since is told next.
    pub(super) fn rows(&self) -> Result<RecordBatch, ArrowError> {
        let seen = self.seen();
        let rows = seen.of.iter().flat_map(|(series, of)| {
            of.days.iter().map(move |(day, counts)| (series, *day, counts))
        });
        let rows: Vec<_> = rows.collect();
        let mut columns = axes(rows.iter().map(|(series, day, _)| (*series, *day)));
        for (at, state) in CandleState::ALL.iter().enumerate() {
            let counts = rows.iter().map(|(_, _, counts)| counts[at]);
            columns.push((state.as_str(), Arc::new(counts.collect::<Int64Array>())));
        }
        RecordBatch::try_from_iter(columns)
    }

    /// The series and days that are not what they were at version `since`; `None` if that is not known.
    pub(super) fn changes(
        &self,
        since: u64,
        books: &Books,
        now: DateTime<Utc>,
    ) -> Option<Result<(u64, RecordBatch), ArrowError>> {
        let mut seen = self.seen();
        // Before the books are looked at: what changes meanwhile is told once more.
        let version = self.version(books);
        let is_known = seen.version == Some(since);
        let changed = seen.look(books, now);
        seen.version = Some(version);
        is_known.then(|| {
            let rows = changed.iter().map(|(series, day)| (series, *day));
            RecordBatch::try_from_iter(axes(rows)).map(|rows| (version, rows))
        })
    }

    /// Whoever builds from scratch, having seen that version, is told everything.
    pub(super) fn tell_all(&self, version: u64, books: &Books, now: DateTime<Utc>) {
        let mut seen = self.seen();
        seen.look(books, now);
        seen.version = Some(version);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Brings everything up to date; what has changed by that.
    fn look(&mut self, books: &Books, now: DateTime<Utc>) -> Vec<(Series, i64)> {
        let mut changed = Vec::new();
        for book in books.all() {
            let series = book.series();
            let until = books.closed_until(series, now);
            let as_of = (book.version(), until);
            if self.of.get(series).is_some_and(|days| days.as_of == as_of) {
                continue;
            }
            let days = of_book(&book, until);
            let before = self.of.insert(series.clone(), Days { as_of, days: days.clone() });
            let before = before.map(|of| of.days).unwrap_or_default();
            let is_new = |(day, counts): &(&i64, &Counts)| before.get(day) != Some(counts);
            let new = days.iter().filter(is_new).map(|(day, _)| *day);
            let gone = before.keys().copied().filter(|day| !days.contains_key(day));
            changed.extend(new.chain(gone).map(|day| (series.clone(), day)));
        }
        changed
    }
}

fn of_book(book: &Arc<Book>, until: DateTime<Utc>) -> BTreeMap<i64, Counts> {
    let (window, states) = book.with_ledger(|ledger| {
        let window = Window::new(ledger.origin(), until.max(ledger.origin()));
        (window, ledger.states(window))
    });
    let days = days(&states, window, book.series().timeframe, &BTreeMap::new());
    let counts = |of: &BTreeMap<CandleState, i64>| {
        CandleState::ALL.map(|state| of.get(&state).copied().unwrap_or_default())
    };
    days.iter().map(|day| (day.start.timestamp_micros(), counts(&day.candles))).collect()
}

/// The columns that say of which series and day a row is.
fn axes<'a>(rows: impl Iterator<Item = (&'a Series, i64)>) -> Vec<(&'static str, ArrayRef)> {
    let rows: Vec<_> = rows.collect();
    let text = |of: fn(&Series) -> &str| -> ArrayRef {
        Arc::new(rows.iter().map(|(series, _)| Some(of(series))).collect::<StringArray>())
    };
    let days = rows.iter().map(|(_, day)| Some(*day)).collect::<TimestampMicrosecondArray>();
    vec![
        ("source_provider", text(|series| series.provider.as_str())),
        ("asset_pair", text(|series| series.instrument.as_str())),
        ("timeframe", text(|series| series.timeframe.as_str())),
        ("timestamp", Arc::new(days.with_timezone("UTC"))),
    ]
}
