//! Takes back what is known of a series from some candle on, so that everything since is asked for
//! again. Rows stay in the lake: what comes again unchanged is dropped, what has changed is a revision.

use chrono::{DateTime, Utc};

use super::{Book, IngestError};
use crate::store::{AuditEntry, Store};

/// Rewinds `book` to `to`; the store knows it before the book does.
///
/// No landing of the series is under way meanwhile, so the lake has nothing of it that the ledger has
/// not. Commits that the store has not recorded yet are not replayed after a crash either: the change
/// carries the number of landings, among which they are counted.
pub async fn rewind(
    store: &Store,
    book: &Book,
    to: DateTime<Utc>,
    entry: &AuditEntry,
) -> Result<(), IngestError> {
    let _turn = book.turn.lock().await;
    store.record_ordered(&book.if_rewound(to), entry).await?;
    book.rewind(to);
    Ok(())
}
