//! Group commit: one task per table; what arrives during a commit forms the next one.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Notify, mpsc, oneshot};

use super::{Book, Books, IngestError, catch_up::catch_up_table, compactor::Compactor};
use crate::{
    clock::Clock,
    config::LakeConfig,
    crash,
    error::chain,
    fleet::Fleet,
    lake::{Append, CandleTable, Lake, LakeError, LandingRecord},
    lifecycle::Lifecycle,
    market::{ProviderId, Timeframe},
    store::{SeriesChange, Store},
};

/// Rows of one series on their way into the next commit. Its series has no other under way.
pub(super) struct Landing {
    pub(super) book: Arc<Book>,
    pub(super) append: Append,
}

type Reply = oneshot::Sender<Result<u64, IngestError>>;

/// The committing tasks, by timeframe.
#[derive(Debug)]
pub(super) struct Groups(BTreeMap<Timeframe, Counter>);

/// Where a committing task is given its work.
#[derive(Debug)]
struct Counter {
    landings: mpsc::Sender<(Landing, Reply)>,
    /// Has it take in, between two commits, what others have committed.
    news: Arc<Notify>,
}

/// Landings that may wait for the next commit; more wait outside.
const WAITING: usize = 4_096;

/// After so many commits of strangers in a row a group gives up.
const STRANGERS: u32 = 8;

impl Groups {
    pub(super) fn start(
        lake: &Lake,
        store: &Store,
        (books, fleet): (&Arc<Books>, &Arc<Fleet>),
        clock: &Arc<dyn Clock>,
        lifecycle: &Lifecycle,
        config: &LakeConfig,
    ) -> Self {
        let start = |table: &Arc<CandleTable>| {
            let (sender, landings) = mpsc::channel(WAITING);
            let group = Group {
                table: table.clone(),
                store: store.clone(),
                books: books.clone(),
                fleet: fleet.clone(),
                clock: clock.clone(),
                config: config.clone(),
                unsaved: Vec::new(),
                compactor: Compactor::new(table.as_table(), lifecycle),
                lifecycle: lifecycle.clone(),
            };
            let news = Arc::new(Notify::new());
            lifecycle.spawn_detached(group.run(landings, news.clone()));
            (table.timeframe(), Counter { landings: sender, news })
        };
        Self(lake.tables().map(start).collect())
    }

    /// Returns when the landing is in the lake and in the store; with the table's version.
    pub(super) async fn commit(&self, landing: Landing) -> Result<u64, IngestError> {
        let (reply, answer) = oneshot::channel();
        let group = &self.0[&landing.book.series().timeframe];
        group.landings.send((landing, reply)).await.map_err(|_| IngestError::Stopping)?;
        answer.await.map_err(|_| IngestError::Stopping)?
    }

    /// Has what others have committed taken in soon, and the store told, although nothing lands.
    pub(super) fn take_in(&self, timeframe: Timeframe) {
        self.0[&timeframe].news.notify_one();
    }
}

struct Group {
    table: Arc<CandleTable>,
    store: Store,
    books: Arc<Books>,
    fleet: Arc<Fleet>,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    config: LakeConfig,
    /// Whose candles are in the lake while the store, because it failed, may not know it yet.
    unsaved: Vec<Arc<Book>>,
    compactor: Compactor,
}

impl Group {
    /// Ends when the last lander is gone, after the commit in flight.
    async fn run(mut self, mut landings: mpsc::Receiver<(Landing, Reply)>, news: Arc<Notify>) {
        loop {
            let first = tokio::select! {
                first = landings.recv() => first,
                () = news.notified() => {
                    self.take_in().await;
                    continue;
                }
            };
            let Some(first) = first else { break };
            let group = self.gather(first, &mut landings).await;
            self.commit(group).await;
            self.compactor.run_if_alone(&self.fleet);
        }
    }

    /// Waits a little for company, unless there is enough to write already or no more will come.
    async fn gather(
        &self,
        first: (Landing, Reply),
        landings: &mut mpsc::Receiver<(Landing, Reply)>,
    ) -> Vec<(Landing, Reply)> {
        let mut rows = rows_of(&first.0);
        let mut group = vec![first];
        let mut lingering = self.clock.sleep(self.config.commit_linger);
        while rows < self.config.commit_rows {
            tokio::select! {
                biased;
                next = landings.recv() => {
                    let Some(next) = next else { break };
                    rows += rows_of(&next.0);
                    group.push(next);
                }
                () = &mut lingering => break,
                () = self.lifecycle.stopping() => break,
            }
        }
        while rows < self.config.max_commit_rows
            && let Ok(next) = landings.try_recv()
        {
            rows += rows_of(&next.0);
            group.push(next);
        }
        group
    }

    /// Lands the group, again if somebody else has committed meanwhile. Whoever is not to land any
    /// more is told so; the others do not suffer from it.
    async fn commit(&mut self, group: Vec<(Landing, Reply)>) {
        let (mut books, mut appends, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        for (Landing { book, append }, reply) in group {
            books.push(book);
            appends.push(append);
            replies.push(reply);
        }
        for attempt in 1..=STRANGERS {
            self.refuse(&mut books, &mut appends, &mut replies);
            if appends.is_empty() {
                return;
            }
            let outcome;
            (appends, outcome) = self.append(appends).await;
            let error = match outcome {
                Ok(version) => {
                    let records = appends.into_iter().map(|append| append.record).collect();
                    self.save_and_tell(&books, records, version, replies).await;
                    return;
                }
                Err(LakeError::MovedOn { known, .. }) if attempt < STRANGERS => {
                    match self.catch_up(known).await {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error.into(),
            };
            for reply in replies {
                fail(reply, &error);
            }
            return;
        }
    }

    /// Sends those away who may no longer land, and those whose series somebody else has landed on:
    /// what is news they must find out anew.
    fn refuse(
        &self,
        books: &mut Vec<Arc<Book>>,
        appends: &mut Vec<Append>,
        replies: &mut Vec<Reply>,
    ) {
        for at in (0..appends.len()).rev() {
            let (book, record) = (&books[at], &appends[at].record);
            let provider = &book.series().provider;
            let error = if !self.fleet.serves(provider) {
                self.fleet.fenced();
                IngestError::NotServed { provider: provider.clone() }
            } else if record.landing == book.landings() + 1 {
                continue;
            } else {
                let (table, version) = (self.table.name().to_owned(), self.table.version());
                LakeError::MovedOn { table, known: version }.into()
            };
            fail(replies.swap_remove(at), &error);
            books.swap_remove(at);
            appends.swap_remove(at);
        }
    }

    /// Encoding is work for a processor, not for the threads that answer requests.
    async fn append(&self, appends: Vec<Append>) -> (Vec<Append>, Result<u64, LakeError>) {
        let table = self.table.clone();
        let runtime = tokio::runtime::Handle::current();
        let write = move || {
            let written = runtime.block_on(table.append(&appends));
            (appends, written)
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.unwrap_or_else(|_| (Vec::new(), Err(LakeError::Stopped)))
    }

    /// Failing costs nothing: the next landing, or the next time, does it.
    async fn take_in(&self) {
        if let Err(error) = self.catch_up(self.table.known().await).await {
            let table = self.table.name();
            tracing::warn!(table, error = chain(&error), "what others have landed is not taken in");
        }
    }

    /// Takes in what somebody else has committed since version `known`.
    async fn catch_up(&self, known: u64) -> Result<(), IngestError> {
        let _turn = self.books.turn().await;
        let newest = self.table.version();
        let is_ours = |provider: &ProviderId| self.fleet.keeps_books_of(provider);
        // What the store was told of the books that are kept here is in them, also where they were
        // taken over long after this table was opened. The log may no longer have it.
        let told = self.store.landed_versions(self.table.name()).await?;
        let kept = self.books.providers().into_iter().filter(is_ours);
        let told = kept.filter_map(|provider| told.of(&provider)).min();
        let known = told.map_or(known, |told| told.max(known));
        if known < newest {
            catch_up_table(&self.table, &self.store, &self.books, (known, &is_ours)).await?;
        }
        self.table.acknowledge(newest).await;
        Ok(())
    }

    async fn save_and_tell(
        &mut self,
        books: &[Arc<Book>],
        records: Vec<LandingRecord>,
        version: u64,
        replies: Vec<Reply>,
    ) {
        crash::point("committed");
        for (book, record) in books.iter().zip(&records) {
            book.apply(record);
            self.unsaved.retain(|other| other.series() != book.series());
            self.unsaved.push(book.clone());
        }
        let saved = self.save(version).await;
        for (book, reply) in books.iter().zip(replies) {
            let provider = &book.series().provider;
            match &saved {
                Err(error) => fail(reply, error),
                Ok(()) if self.store.may_write_of(provider) => {
                    book.saved();
                    // A lander that has gone away has nothing to be told.
                    let _ = reply.send(Ok(version));
                }
                Ok(()) => fail(reply, &IngestError::NotServed { provider: provider.clone() }),
            }
        }
        if saved.is_ok() {
            crash::point("recorded");
        }
    }

    /// Tells the store what it was not told yet. What another replica answers for by now is its to
    /// tell: it finds it in the lake.
    async fn save(&mut self, version: u64) -> Result<(), IngestError> {
        loop {
            let store = &self.store;
            self.unsaved.retain(|book| store.may_write_of(&book.series().provider));
            // As the books are now, not as they were when the store failed: one may have been rewound.
            let changes: Vec<SeriesChange> =
                self.unsaved.iter().filter_map(|book| book.untold()).collect();
            let is_ours = |provider: &ProviderId| self.fleet.keeps_books_of(provider);
            let providers = self.books.providers().into_iter().filter(is_ours).collect();
            let reached = (self.table.name(), version);
            match store.record_landed(&changes, reached, &providers).await {
                Ok(()) => break,
                // Then fewer are ours than before, so this comes to an end.
                Err(error) if error.is_fenced() => self.fleet.fenced(),
                Err(error) => return Err(error.into()),
            }
        }
        self.unsaved.clear();
        Ok(())
    }
}

fn fail(reply: Reply, error: &IngestError) {
    let told = match error {
        IngestError::NotServed { provider } => {
            IngestError::NotServed { provider: provider.clone() }
        }
        error => IngestError::Commit { class: error.class(), message: error.to_string() },
    };
    // A lander that has gone away has nothing to be told.
    let _ = reply.send(Err(told));
}

fn rows_of(landing: &Landing) -> usize {
    landing.append.rows.iter().map(|rows| rows.revisions.len()).sum()
}
