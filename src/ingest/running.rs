//! The chunks of backfills that this process is at, so that they can be halted at once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Shared by those who work and those who give commands.
#[derive(Debug, Default)]
pub struct Running {
    /// By chunk: its backfill, and what halts it.
    chunks: Mutex<BTreeMap<String, (String, CancellationToken)>>,
    changed: Notify,
}

/// A chunk that is being worked at, until this is dropped.
#[derive(Debug)]
pub struct Begun<'a> {
    running: &'a Running,
    chunk: String,
    pub halt: CancellationToken,
}

impl Running {
    pub fn begin(&self, chunk: &str, backfill: &str, halt: CancellationToken) -> Begun<'_> {
        self.chunks().insert(chunk.to_owned(), (backfill.to_owned(), halt.clone()));
        Begun { running: self, chunk: chunk.to_owned(), halt }
    }

    /// No chunk of the backfill sends another request.
    pub fn halt(&self, backfill: &str) {
        for (of, halt) in self.chunks().values() {
            if of == backfill {
                halt.cancel();
            }
        }
    }

    /// Says that there may be work, or that work has gone on.
    pub fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Resolves at the next change; it may be missed, so nobody waits for it alone.
    pub async fn wait_for_change(&self) {
        self.changed.notified().await;
    }

    fn chunks(&self) -> MutexGuard<'_, BTreeMap<String, (String, CancellationToken)>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.running.chunks().remove(&self.chunk);
        self.running.changed();
    }
}
