//! Compaction beside the commits of a table, one at a time.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{error::chain, fleet::Fleet, lake::Table, lifecycle::Lifecycle};

/// Keeps the number of a table's small files bounded; failing only costs speed.
#[derive(Debug)]
pub(super) struct Compactor {
    table: Arc<Table>,
    lifecycle: Lifecycle,
    running: Option<JoinHandle<()>>,
}

impl Compactor {
    pub(super) fn new(table: &Arc<Table>, lifecycle: &Lifecycle) -> Self {
        Self { table: table.clone(), lifecycle: lifecycle.clone(), running: None }
    }

    /// Like `run`, unless the replicas have given that duty to one of them.
    pub(super) fn run_if_alone(&mut self, fleet: &Fleet) {
        if fleet.is_alone() {
            self.run();
        }
    }

    /// Merges what has become full, unless that is under way or held up.
    pub(super) fn run(&mut self) {
        let is_running = self.running.as_ref().is_some_and(|running| !running.is_finished());
        if is_running || self.table.compaction_is_held_up() || self.lifecycle.is_stopping() {
            return;
        }
        let table = self.table.clone();
        let runtime = tokio::runtime::Handle::current();
        let compact = move || match runtime.block_on(table.compact()) {
            Ok(None) => {}
            Ok(Some(done)) => tracing::debug!(
                table = table.name(),
                files = done.files_before,
                bytes_before = done.bytes_before,
                bytes_after = done.bytes_after,
                "compacted small files"
            ),
            Err(error) => {
                tracing::warn!(table = table.name(), error = chain(&error), "a compaction failed");
            }
        };
        // A runtime that shuts down beneath a compaction makes it panic, so the end waits for it.
        self.running = Some(self.lifecycle.spawn_blocking(compact));
    }
}
