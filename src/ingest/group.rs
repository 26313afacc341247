//! Group commit: one task per table; what arrives during a commit forms the next one.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{Book, Books, IngestError, catch_up::catch_up_table, compactor::Compactor};
use crate::{
    clock::Clock,
    config::LakeConfig,
    crash,
    lake::{Append, CandleTable, Lake, LakeError, LandingRecord},
    lifecycle::Lifecycle,
    market::Timeframe,
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
pub(super) struct Groups(BTreeMap<Timeframe, mpsc::Sender<(Landing, Reply)>>);

/// Landings that may wait for the next commit; more wait outside.
const WAITING: usize = 4_096;

impl Groups {
    pub(super) fn start(
        lake: &Lake,
        store: &Store,
        books: &Arc<Books>,
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
                clock: clock.clone(),
                config: config.clone(),
                unsaved: Vec::new(),
                compactor: Compactor::new(table.as_table(), lifecycle),
                lifecycle: lifecycle.clone(),
            };
            lifecycle.spawn_detached(group.run(landings));
            (table.timeframe(), sender)
        };
        Self(lake.tables().map(start).collect())
    }

    /// Returns when the landing is in the lake and in the store; with the table's version.
    pub(super) async fn commit(&self, landing: Landing) -> Result<u64, IngestError> {
        let (reply, answer) = oneshot::channel();
        let group = &self.0[&landing.book.series().timeframe];
        group.send((landing, reply)).await.map_err(|_| IngestError::Stopping)?;
        answer.await.map_err(|_| IngestError::Stopping)?
    }
}

struct Group {
    table: Arc<CandleTable>,
    store: Store,
    books: Arc<Books>,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    config: LakeConfig,
    /// Whose candles are in the lake while the store, because it failed, may not know it yet.
    unsaved: Vec<Arc<Book>>,
    compactor: Compactor,
}

impl Group {
    /// Ends when the last lander is gone, after the commit in flight.
    async fn run(mut self, mut landings: mpsc::Receiver<(Landing, Reply)>) {
        while let Some(first) = landings.recv().await {
            let group = self.gather(first, &mut landings).await;
            self.commit(group).await;
            self.compactor.run();
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

    async fn commit(&mut self, group: Vec<(Landing, Reply)>) {
        let (landings, replies): (Vec<Landing>, Vec<Reply>) = group.into_iter().unzip();
        let (books, appends): (Vec<_>, Vec<_>) =
            landings.into_iter().map(|landing| (landing.book, landing.append)).unzip();
        let records: Vec<LandingRecord> =
            appends.iter().map(|append: &Append| append.record.clone()).collect();
        let outcome = self.append(appends).await;
        let saved = match outcome {
            Ok(version) => self.save(&books, &records, version).await.map(|()| version),
            Err(error) => Err(error),
        };
        for reply in replies {
            let told = match &saved {
                Ok(version) => Ok(*version),
                Err(error) => {
                    Err(IngestError::Commit { class: error.class(), message: error.to_string() })
                }
            };
            // A lander that has gone away has nothing to be told.
            let _ = reply.send(told);
        }
    }

    /// Encoding is work for a processor, not for the threads that answer requests.
    async fn append(&self, appends: Vec<Append>) -> Result<u64, IngestError> {
        let table = self.table.clone();
        let runtime = tokio::runtime::Handle::current();
        let written =
            tokio::task::spawn_blocking(move || runtime.block_on(table.append(appends))).await;
        match written.map_err(|_| LakeError::Stopped)? {
            Err(LakeError::MovedOn { table, known }) => {
                catch_up_table(&self.table, &self.store, &self.books, known).await?;
                self.table.acknowledge().await;
                Err(LakeError::MovedOn { table, known }.into())
            }
            written => Ok(written?),
        }
    }

    async fn save(
        &mut self,
        books: &[Arc<Book>],
        records: &[LandingRecord],
        version: u64,
    ) -> Result<(), IngestError> {
        crash::point("committed");
        for (book, record) in books.iter().zip(records) {
            book.apply(record);
            self.unsaved.retain(|other| other.series() != book.series());
            self.unsaved.push(book.clone());
        }
        // As the books are now, not as they were when the store failed: one may have been rewound.
        let changes: Vec<SeriesChange> =
            self.unsaved.iter().filter_map(|book| book.untold()).collect();
        self.store.record(&changes, Some((self.table.name(), version))).await?;
        self.unsaved.clear();
        for book in books {
            book.saved();
        }
        crash::point("recorded");
        Ok(())
    }
}

fn rows_of(landing: &Landing) -> usize {
    landing.append.rows.iter().map(|rows| rows.revisions.len()).sum()
}
