//! Maintenance of one table, beside its commits: a checkpoint, what nobody needs any more removed,
//! and the log shortened.
//!
//! Nothing here takes the writer's lock, and nothing is committed. After each step the table is whole,
//! so a pass that is cut short is only continued by the next one.

use deltalake::{
    DeltaTable,
    checkpoints::{cleanup_expired_logs_for, create_checkpoint},
};
use futures::future::BoxFuture;
use tokio::sync::MutexGuard;

use super::{
    Lake, LakeError, Table,
    leftovers::{Amount, Leftovers},
    log::{Listing, time_on_disk},
};
use crate::{config::Location, crash};

/// What one pass over a table found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Data files on the disk, needed or not.
    pub before: Amount,
    pub removed: Amount,
    /// Versions that have no entry in the log any more.
    pub entries_removed: u64,
    /// The oldest version that can still be read.
    pub oldest_version: u64,
}

/// A table in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub version: u64,
    /// Of the files that are live.
    pub live: Amount,
    /// `None` if some file does not say.
    pub rows: Option<u64>,
}

impl Table {
    /// One pass. Entries of the log above `taken_in` stay, however old they are: somebody who reads
    /// records has not read them yet; without it all stay.
    pub fn maintain(&self, taken_in: Option<u64>) -> BoxFuture<'_, Result<Upkeep, LakeError>> {
        Box::pin(async move {
            let _turn = self.upkeep.lock().await;
            let leftovers = self.find_leftovers().await?;
            let (before, removed) = (leftovers.all, leftovers.amount());
            // Of the newest version, so that one day there is something to shorten the log to.
            let newest = self.newest().await?;
            let log = newest.log_store();
            let checkpoint = create_checkpoint(&newest, None).await;
            checkpoint.map_err(|error| self.delta(error))?;
            crash::point("checkpoint_written");
            leftovers.remove(&log).await.map_err(|error| self.delta(error))?;
            crash::point("leftovers_removed");
            let unshortened = self.listing().await?;
            if let Some(taken_in) = taken_in {
                self.shorten(&newest, taken_in).await?;
            }
            crash::point("log_shortened");
            let shortened = self.listing().await?;
            Ok(Upkeep {
                before,
                removed,
                entries_removed: unshortened.entries.difference(&shortened.entries).count() as u64,
                oldest_version: shortened.oldest_readable().unwrap_or_default(),
            })
        })
    }

    /// Removes what is left over, and nothing else; only says what it is if `is_dry`. How much it is,
    /// and the first names.
    ///
    /// Fails with `UnderWay` if this process is at the table already.
    pub fn vacuum(&self, is_dry: bool) -> BoxFuture<'_, Result<(Amount, Vec<String>), LakeError>> {
        Box::pin(async move {
            let _turn = self.turn()?;
            let leftovers = self.find_leftovers().await?;
            let found = (leftovers.amount(), leftovers.names(NAMED));
            if !is_dry {
                let log = self.snapshot().log_store();
                leftovers.remove(&log).await.map_err(|error| self.delta(error))?;
            }
            Ok(found)
        })
    }

    /// How large it is, as of the newest commit made or seen here.
    pub fn size(&self) -> Result<Size, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        let mut size = Size { version: state.version(), rows: Some(0), ..Size::default() };
        for file in state.log_data() {
            size.live.files += 1;
            size.live.bytes += u64::try_from(file.size()).unwrap_or_default();
            let rows = file.num_records().map(|rows| rows as u64);
            size.rows = size.rows.zip(rows).map(|(all, more)| all + more);
        }
        Ok(size)
    }

    /// The oldest version that can still be read; asks the disk.
    pub async fn oldest_version(&self) -> Result<u64, LakeError> {
        Ok(self.listing().await?.oldest_readable().unwrap_or_default())
    }

    /// Where it lives.
    pub fn place(&self) -> String {
        match self.config.location {
            Location::Folder => {
                Lake::folder_of(&self.config.path, &self.shape.name).display().to_string()
            }
            _ => format!("{}{}/{}", self.storage, self.layer(), self.bare_name()),
        }
    }

    async fn find_leftovers(&self) -> Result<Leftovers, LakeError> {
        let log = self.snapshot().log_store();
        let found = Leftovers::look(
            &log,
            self.config.file_retention,
            self.storage.load(log.root_url(), None),
        )
        .await;
        found.map_err(|error| self.delta(error))
    }

    /// From the disk, whatever is known here.
    async fn newest(&self) -> Result<DeltaTable, LakeError> {
        let log = self.snapshot().log_store();
        self.storage.load(log.root_url(), None).await.map_err(|error| self.delta(error))
    }

    pub(super) async fn listing(&self) -> Result<Listing, LakeError> {
        let log = self.snapshot().log_store();
        Listing::of(&log).await.map_err(|error| self.delta(error))
    }

    /// Removes entries that are older than their retention, below a checkpoint that is so as well.
    /// delta-rs takes care that none is missing above it, whatever the ages are.
    async fn shorten(&self, newest: &DeltaTable, taken_in: u64) -> Result<(), LakeError> {
        let log = newest.log_store();
        let now = time_on_disk(&log).await.map_err(|error| self.delta(error))?;
        let cutoff = now.checked_sub_signed(self.config.log_retention).unwrap_or_default();
        let keep = taken_in.min(newest.version().unwrap_or_default());
        let removed =
            cleanup_expired_logs_for(keep, log.as_ref(), cutoff.timestamp_millis(), None).await;
        removed.map_err(|error| self.delta(error))?;
        Ok(())
    }

    pub(super) fn turn(&self) -> Result<MutexGuard<'_, ()>, LakeError> {
        self.upkeep.try_lock().map_err(|_| LakeError::UnderWay { table: self.named() })
    }
}

/// So many files are named.
const NAMED: usize = 100;
