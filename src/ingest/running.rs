//! The chunks of backfills that this process is at, so that they can be halted at once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, futures::Notified};
use tokio_util::sync::CancellationToken;

use crate::market::ProviderId;

/// Shared by those who work and those who give commands.
#[derive(Debug, Default)]
pub struct Running {
    /// By chunk: its backfill, and what halts it.
    chunks: Mutex<BTreeMap<String, (String, CancellationToken)>>,
    changed: Notify,
    /// Until when it makes no sense to begin a chunk of a provider.
    held: Mutex<BTreeMap<ProviderId, DateTime<Utc>>>,
    /// Held by whoever tells the books what is left to backfills.
    pub telling: tokio::sync::Mutex<()>,
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

    /// No chunk of the provider is begun before `until`.
    pub fn hold(&self, provider: &ProviderId, until: DateTime<Utc>) {
        self.held().insert(provider.clone(), until);
    }

    pub fn is_held(&self, provider: &ProviderId, now: DateTime<Utc>) -> bool {
        self.held().get(provider).is_some_and(|until| now < *until)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<ProviderId, DateTime<Utc>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that there may be work, or that work has gone on.
    pub fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Resolves at the next change after this call: whoever calls before looking misses none. What
    /// another replica does is not told, so nobody waits for it alone.
    pub fn next_change(&self) -> Notified<'_> {
        self.changed.notified()
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

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_change_between_looking_and_waiting_is_not_missed() {
        let running = Running::default();
        running.changed();
        assert_eq!(running.next_change().now_or_never(), None, "it was before");
        let change = running.next_change();
        running.changed();
        assert_eq!(change.now_or_never(), Some(()));
    }
}
