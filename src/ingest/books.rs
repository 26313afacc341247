//! The books of all series, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Book, closed_until};
use crate::{
    market::{Calendars, ProviderId, Series},
    providers::Providers,
    store::SeriesRecord,
};

/// All series that are kept.
#[derive(Debug)]
pub struct Books {
    calendars: Calendars,
    providers: Providers,
    by_series: RwLock<BTreeMap<Series, Arc<Book>>>,
    epoch: Arc<AtomicU64>,
    turn: tokio::sync::Mutex<()>,
}

impl Books {
    /// Takes up what the store remembers.
    pub fn restore(records: &[SeriesRecord], calendars: Calendars, providers: &Providers) -> Self {
        let books = Self {
            calendars,
            providers: providers.clone(),
            by_series: RwLock::default(),
            epoch: Arc::default(),
            turn: tokio::sync::Mutex::default(),
        };
        for record in records {
            books.open(&record.series, record.origin).restore(record);
        }
        books
    }

    /// The book of `series`, begun at `origin` if there is none yet.
    pub fn open(&self, series: &Series, origin: DateTime<Utc>) -> Arc<Book> {
        let mut books = self.by_series.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let calendar = self.providers.calendar(series, self.calendars);
            self.changed();
            Arc::new(Book::new(series.clone(), calendar, origin, self.epoch.clone()))
        };
        books.entry(series.clone()).or_insert_with(new).clone()
    }

    pub fn get(&self, series: &Series) -> Option<Arc<Book>> {
        self.by_series.read().unwrap_or_else(PoisonError::into_inner).get(series).cloned()
    }

    /// Whoever takes in what others have landed waits for its turn.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Replaces what is known of a series by what the store has.
    pub fn reload(&self, record: &SeriesRecord) {
        self.open(&record.series, record.origin).reload(record);
    }

    /// Everybody who has a book.
    pub fn providers(&self) -> BTreeSet<ProviderId> {
        let books = self.by_series.read().unwrap_or_else(PoisonError::into_inner);
        let mut providers = BTreeSet::new();
        for series in books.keys() {
            if !providers.contains(&series.provider) {
                providers.insert(series.provider.clone());
            }
        }
        providers
    }

    /// How long after its close a candle of the series may still change.
    pub fn settle(&self, series: &Series) -> TimeDelta {
        let provider = self.providers.get(&series.provider);
        provider.map_or(TimeDelta::zero(), |provider| provider.settle(series))
    }

    /// Candles of the series that open before this have closed and settled at `now`.
    pub fn closed_until(&self, series: &Series, now: DateTime<Utc>) -> DateTime<Utc> {
        closed_until(now, self.settle(series), series.timeframe)
    }

    /// Grows with every change of what any book knows.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Says that something has changed by which answers about series are made.
    pub fn changed(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Every book, ordered by series.
    pub fn all(&self) -> Vec<Arc<Book>> {
        self.by_series.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
