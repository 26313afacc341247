//! Group commit of one table: what arrives during a commit forms the next one.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::super::{IngestError, compactor::Compactor};
use crate::{
    crash,
    fleet::Fleet,
    lake::{KnownRevision, LakeError, RecordTable, RevisedRecord},
    lifecycle::Lifecycle,
    market::{Record, RecordKey},
    records::is_same,
};

/// A record that is good enough to land.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    pub(super) record: Record,
    pub(super) raw: String,
    pub(super) received_at: DateTime<Utc>,
    pub(super) source: String,
    /// Whether it adds nothing where the lake has a revision that was received later.
    pub(super) may_be_overtaken: bool,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    Landed,
    Revised,
    Unchanged,
}

type Reply = oneshot::Sender<Result<Vec<Landing>, IngestError>>;

/// Where the committing task of a table is given its work.
#[derive(Debug)]
pub(super) struct Desk {
    table: Arc<RecordTable>,
    work: mpsc::Sender<(Vec<Incoming>, Reply)>,
}

/// Requests that may wait for the next commit; more wait outside.
const WAITING: usize = 4_096;
/// Records of one commit, from which on no further request joins it.
const MOST: usize = 10_000;
/// After so many commits of strangers in a row one gives up.
const STRANGERS: u32 = 16;

impl Landing {
    /// The metric label.
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::Revised => "revised",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Desk {
    pub(super) fn start(
        table: &Arc<RecordTable>,
        fleet: &Arc<Fleet>,
        lifecycle: &Lifecycle,
    ) -> Self {
        let (work, incoming) = mpsc::channel(WAITING);
        let clerk = Clerk {
            table: table.clone(),
            fleet: fleet.clone(),
            compactor: Compactor::new(table.as_table(), lifecycle),
        };
        lifecycle.spawn_detached(clerk.run(incoming));
        Self { table: table.clone(), work }
    }

    /// Returns when all of them are in the lake; what became of each, in their order.
    pub(super) async fn land(&self, incoming: Vec<Incoming>) -> Result<Vec<Landing>, IngestError> {
        let (reply, answer) = oneshot::channel();
        self.work.send((incoming, reply)).await.map_err(|_| IngestError::Stopping)?;
        answer.await.map_err(|_| IngestError::Stopping)?
    }

    /// What would become of them now.
    pub(super) async fn foresee(&self, incoming: &[Incoming]) -> Result<Vec<Landing>, IngestError> {
        Ok(news(incoming, known(&self.table, incoming).await?).1)
    }
}

struct Clerk {
    table: Arc<RecordTable>,
    fleet: Arc<Fleet>,
    compactor: Compactor,
}

impl Clerk {
    /// Ends when nobody can give it work any more, after the commit in flight.
    async fn run(mut self, mut work: mpsc::Receiver<(Vec<Incoming>, Reply)>) {
        while let Some((mut incoming, reply)) = work.recv().await {
            let mut replies = vec![(incoming.len(), reply)];
            while incoming.len() < MOST
                && let Ok((more, reply)) = work.try_recv()
            {
                replies.push((more.len(), reply));
                incoming.extend(more);
            }
            let landed = self.land(&incoming).await;
            tell(replies, landed);
            self.compactor.run_if_alone(&self.fleet);
        }
    }

    /// Appends what is news, again if somebody else has committed meanwhile: it may be news no more.
    async fn land(&self, incoming: &[Incoming]) -> Result<Vec<Landing>, LakeError> {
        if !self.fleet.is_alone() {
            self.table.look().await?;
        }
        let run = Uuid::now_v7();
        for _ in 0..STRANGERS {
            // Whatever is committed after this version is found out when appending.
            self.table.acknowledge(self.table.version()).await;
            let (news, landings) = news(incoming, known(&self.table, incoming).await?);
            if news.is_empty() {
                return Ok(landings);
            }
            match self.table.append(&news, run).await {
                Ok(_) => {
                    crash::point("committed");
                    return Ok(landings);
                }
                Err(LakeError::MovedOn { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let (table, known) = (self.table.name().to_owned(), self.table.version());
        Err(LakeError::MovedOn { table, known })
    }
}

type Known = BTreeMap<RecordKey, Vec<KnownRevision>>;

async fn known(table: &RecordTable, incoming: &[Incoming]) -> Result<Known, LakeError> {
    let mut ids: Vec<String> = incoming.iter().map(|one| one.record.key().id).collect();
    ids.sort_unstable();
    ids.dedup();
    table.known(ids.iter().map(String::as_str)).await
}

/// What of it is to be appended, and what becomes of each, one after the other.
fn news(incoming: &[Incoming], mut known: Known) -> (Vec<RevisedRecord>, Vec<Landing>) {
    let mut news = Vec::new();
    let landing = |one: &Incoming| {
        let revisions = known.entry(one.record.key()).or_default();
        let is_known = |known: &KnownRevision| {
            let is_overtaken = one.may_be_overtaken && known.extracted_at > one.received_at;
            is_overtaken || is_same(&known.raw, &one.raw)
        };
        if revisions.iter().any(is_known) {
            return Landing::Unchanged;
        }
        let newest = revisions.iter().map(|known| known.revision).max();
        let revision = newest.map_or(0, |newest| newest + 1);
        let (raw, extracted_at) = (one.raw.clone(), one.received_at);
        revisions.push(KnownRevision { revision, raw: raw.clone(), extracted_at });
        let (record, source) = (one.record.clone(), one.source.clone());
        news.push(RevisedRecord { record, raw, revision, extracted_at, source });
        if revision == 0 { Landing::Landed } else { Landing::Revised }
    };
    let landings = incoming.iter().map(landing).collect();
    (news, landings)
}

/// Gives each request its own part of the answer. One that has gone away has nothing to be told.
fn tell(replies: Vec<(usize, Reply)>, landed: Result<Vec<Landing>, LakeError>) {
    match landed {
        Ok(landings) => {
            let mut landings = landings.into_iter();
            for (count, reply) in replies {
                let _ = reply.send(Ok(landings.by_ref().take(count).collect()));
            }
        }
        Err(error) => {
            for (_, reply) in replies {
                let (class, message) = (error.class(), error.to_string());
                let _ = reply.send(Err(IngestError::Commit { class, message }));
            }
        }
    }
}
