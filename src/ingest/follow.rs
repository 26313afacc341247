//! What other replicas landed, taken in about once a second, so that everyone may be read from.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Books, Collector, IngestError, compactor::Compactor};
use crate::{
    fleet::{Duty, Fleet},
    lake::{Lake, Layer, Table},
    lifecycle::Lifecycle,
    market::ProviderId,
    store::{Store, duty_of},
};

/// Keeps the books of the providers that other replicas answer for, and the snapshots of all tables.
#[derive(Debug)]
pub struct Follower {
    lake: Lake,
    store: Store,
    books: Arc<Books>,
    fleet: Arc<Fleet>,
    /// How much of what is written under each lease has been taken in.
    seen: Mutex<BTreeMap<String, i64>>,
    lifecycle: Lifecycle,
    /// By the names of the tables.
    maintained: tokio::sync::Mutex<BTreeMap<String, Maintained>>,
}

/// The version of a table that was last looked at for something to compact.
#[derive(Debug)]
struct Maintained {
    version: Option<u64>,
    compactor: Compactor,
}

impl Follower {
    pub fn new(
        (lake, store): (&Lake, &Store),
        (books, fleet): (&Arc<Books>, &Arc<Fleet>),
        lifecycle: &Lifecycle,
    ) -> Self {
        Self {
            maintained: tokio::sync::Mutex::default(),
            lifecycle: lifecycle.clone(),
            lake: lake.clone(),
            store: store.clone(),
            books: books.clone(),
            fleet: fleet.clone(),
            seen: Mutex::default(),
        }
    }

    /// Takes in what is new; without other replicas there is nothing.
    pub async fn follow(&self, collector: &Collector) -> Result<(), IngestError> {
        if self.fleet.is_alone() {
            return Ok(());
        }
        let told: BTreeMap<String, i64> =
            self.store.counts_of_leases().await?.into_iter().collect();
        let mut news = Vec::new();
        for provider in self.books.providers() {
            let duty = duty_of(&provider);
            let told = told.get(&duty).copied().unwrap_or(0);
            let seen = self.seen_of(&provider, &duty);
            if seen != Some(told) && !self.fleet.has_books_of(&provider) {
                let records = self.store.series_of(&provider, seen.unwrap_or(-1)).await?;
                news.push((provider, duty, told, records));
            }
        }
        // Rows land before they are told, so whoever is told finds them.
        self.lake.discover().await?;
        for table in self.lake.all() {
            if table.look().await? && table.layer() == Layer::Bronze {
                collector.moved_on();
            }
        }
        let _turn = self.books.turn().await;
        for (provider, duty, told, records) in news {
            // It may have become ours meanwhile.
            if !self.fleet.has_books_of(&provider) {
                for record in &records {
                    self.books.reload(record);
                }
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(duty, told);
            }
        }
        Ok(())
    }

    /// What is kept here needs no following, and when it no longer is all of it must be read anew.
    fn seen_of(&self, provider: &ProviderId, duty: &str) -> Option<i64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fleet.has_books_of(provider) {
            seen.remove(duty);
        }
        seen.get(duty).copied()
    }

    /// Has the tables compacted that have changed, if that is this replica's duty.
    pub async fn maintain(&self) {
        if !self.fleet.holds(&Duty::Lake) {
            return;
        }
        // Who lands alone in a table of bronze compacts it at once.
        let is_ours = |table: &Arc<Table>| !self.fleet.is_alone() || table.layer() != Layer::Bronze;
        let mut maintained = self.maintained.lock().await;
        for table in self.lake.all().into_iter().filter(is_ours) {
            let known = maintained.entry(table.name().to_owned());
            let Maintained { version, compactor } = known.or_insert_with(|| Maintained {
                version: None,
                compactor: Compactor::new(&table, &self.lifecycle),
            });
            let newest = Some(table.version());
            if *version != newest && !table.compaction_is_held_up() {
                *version = newest;
                compactor.run();
            }
        }
    }
}
