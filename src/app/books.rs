//! Which books there are: those of what is kept, and which of them are kept by this replica.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::App;
use crate::{
    fleet::Duty,
    ingest::{Book, Concerns, IngestError, Role, Roster, Schedule, lineage, take_over},
    market::{Feed, ProviderId, Series, Timeframe},
    providers::Origin,
};

impl App {
    /// Takes in what was decided since the last time, here or on another replica. The answer is
    /// which schedules are to tick at once.
    pub async fn take_up(&self) -> Result<Vec<Schedule>, IngestError> {
        let _turn = self.present.turn.lock().await;
        let revision = self.store.roster_revision().await?;
        if revision == self.present.revision() {
            return Ok(Vec::new());
        }
        let kept = self.store.kept_assets().await?;
        let schedules = self.store.schedules().await?;
        let roster = Roster::new(&kept, &self.config.ingest, &self.providers);
        let is_kept = |provider: &ProviderId| self.fleet.keeps_books_of(provider);
        // Whoever sees the roster finds a book of everything in it.
        self.open_books((&roster, Some(&self.roster())), &is_kept).await?;
        self.present.replace(revision, roster);
        self.books.changed();
        let due = self.schedules.take_up(schedules);
        self.hold_up_compaction();
        Ok(due)
    }

    /// Takes up what has become this replica's duty since the last time; tells whose books that were.
    pub fn take_duties(&self) -> BoxFuture<'_, Result<Vec<ProviderId>, IngestError>> {
        Box::pin(async move {
            let mut taken_up = Vec::new();
            for duty in self.fleet.arrived() {
                if let Duty::Provider(provider) = &duty {
                    self.take_up_books(provider).await?;
                    taken_up.push(provider.clone());
                }
                self.fleet.ready(&duty);
            }
            Ok(taken_up)
        })
    }

    /// Learns what another replica has done for a provider, before anything is asked of it here.
    async fn take_up_books(&self, provider: &ProviderId) -> Result<(), IngestError> {
        // What is decided meanwhile is either in this roster, or finds the books kept here.
        let _decided = self.present.turn.lock().await;
        let _turn = self.books.turn().await;
        take_over(&self.lake, &self.store, &self.books, provider).await?;
        self.open_books((&self.roster(), None), &|other| other == provider).await?;
        if let Some(asked) = self.providers.get(provider) {
            asked.client().doubt_budget().await;
        }
        if provider.as_str() == Feed::PROVIDER {
            self.collector.take_over().await?;
        }
        // Before anybody else has its turn: what is committed from now on is taken in as it comes.
        self.fleet.ready(&Duty::Provider(provider.clone()));
        Ok(())
    }

    /// Opens the books of the series that are always kept, and tells the store of those that are kept
    /// here. One that was not kept under `before` owes what it has missed, as far back as history is
    /// wanted.
    pub(super) async fn open_books(
        &self,
        (roster, before): (&Roster, Option<&Roster>),
        is_kept: &Concerns<'_>,
    ) -> Result<(), IngestError> {
        let mut changes = Vec::new();
        for series in roster.live() {
            let origin = self.origin(series);
            let is_new = self.books.get(series).is_none();
            let book = self.books.open(series, origin);
            let opening = is_new.then(|| book.opening());
            if !is_kept(&series.provider) {
                continue;
            }
            let extended = book.extend_origin(origin);
            match before {
                Some(before) => {
                    changes.extend(opening.or(extended));
                    if before.role(series) != Role::Kept {
                        changes.extend(book.waive_unasked(origin));
                    }
                }
                // It may have been opened here long before it became ours to tell.
                None => changes.extend(book.untold()),
            }
            if self.providers.offer(series) != Some(Origin::Native) {
                book.recheck(self.unchecked(&book));
            }
        }
        Ok(self.store.record(&changes, None).await?)
    }

    /// Where the history of a series begins: as far back as is wanted and to be had.
    ///
    /// Every series begins where a 4h candle does, so that the first one has all of its hours.
    fn origin(&self, series: &Series) -> DateTime<Utc> {
        let now = self.clock.now();
        let wanted = Timeframe::H4.floor(now - self.config.ingest.history);
        let finest = lineage(series, &self.providers).pop().unwrap_or_else(|| series.clone());
        let provider = self.providers.get(&series.provider);
        let reach = provider.and_then(|provider| provider.reaches_back_to(&finest, now));
        reach.map_or(wanted, |reach| wanted.max(Timeframe::D1.ceil(reach)))
    }

    /// What may not have been derived yet when the process last ended.
    fn unchecked(&self, book: &Book) -> crate::market::Window {
        let timeframe = book.series().timeframe;
        let due = self.closed_until(book.series(), self.clock.now());
        let watermark = book.with_ledger(|ledger| ledger.watermark(due));
        let recent = due - TimeDelta::days(2);
        let origin = book.with_ledger(crate::market::Ledger::origin);
        crate::market::Window::new(watermark.min(recent).max(origin), due).align(timeframe)
    }
}

/// Another replica may have taken a duty over while this one was starting; what is left is taken up
/// anew then.
pub(super) fn is_unfenced(outcome: Result<(), IngestError>) -> Result<bool, IngestError> {
    match outcome {
        Err(IngestError::Store(error)) if error.is_fenced() => Ok(false),
        outcome => outcome.map(|()| true),
    }
}
