//! One Delta table: opened or created, kept fresh, read through snapshots.

use std::{
    fmt,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use deltalake::{
    DeltaTable, DeltaTableBuilder, DeltaTableError, arrow::error::ArrowError,
    datafusion::error::DataFusionError, kernel::transaction::CommitProperties,
    logstore::LogStoreRef, protocol::SaveMode,
};
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::{CommitRecord, Ground, LakeError, Layer, log, record, shape::Shape, storage::Storage};
use crate::{config::LakeConfig, telemetry::Metrics};

/// The writer's handle grows and slows with every commit made through it, so it is opened anew
/// after this many (measured by delta-rs users and by us: 10 is the cheapest).
const COMMITS_PER_HANDLE: u32 = 10;

const PROPERTIES: [(&str, &str); 3] = [
    ("delta.checkpointInterval", "10"),
    ("delta.logRetentionDuration", "interval 7 days"),
    ("delta.deletedFileRetentionDuration", "interval 7 days"),
];

/// Appended to by one task at a time; read by anyone, as of the newest commit.
pub struct Table {
    pub(super) shape: Shape,
    pub(super) storage: Storage,
    pub(super) config: LakeConfig,
    pub(super) metrics: Metrics,
    pub(super) writer: Mutex<Writer>,
    newest: RwLock<DeltaTable>,
    compaction_is_held_up: AtomicBool,
    /// Whoever works out a write of a managed table does so alone.
    pub(super) writing: Mutex<()>,
    /// Whoever removes files, or merges all of them, does so alone.
    pub(super) upkeep: Mutex<()>,
}

/// The handle commits are made through.
pub(super) struct Writer {
    pub(super) table: DeltaTable,
    pub(super) commits: u32,
    /// The newest version whose records the caller has taken in.
    pub(super) known: u64,
}

impl Table {
    pub(super) async fn open(shape: Shape, ground: &Ground) -> Result<Self, LakeError> {
        let storage = &ground.storage;
        let url = storage.table(&shape.name)?;
        let failed =
            |source| LakeError::Delta { table: shape.name.to_string(), source: Box::new(source) };
        let table = match storage.load(&url, None).await {
            Err(DeltaTableError::NotATable(_)) => match create(storage.builder(&url), &shape).await
            {
                // Another replica that starts at the same time may have been faster.
                Err(error) => storage.load(&url, None).await.map_err(|_| error),
                created => created,
            },
            opened => opened,
        }
        .map_err(failed)?;
        Ok(Self::of(shape, table, ground))
    }

    /// A table that has been opened.
    pub(super) fn of(
        shape: Shape,
        table: DeltaTable,
        Ground { storage, config, metrics }: &Ground,
    ) -> Self {
        for counter in [&metrics.delta_commits, &metrics.delta_commit_conflicts] {
            counter.with_label_values(&[shape.name.as_str()]).inc_by(0);
        }
        Self {
            shape,
            storage: storage.clone(),
            config: config.clone(),
            metrics: metrics.clone(),
            writer: Mutex::new(Writer {
                known: table.version().unwrap_or(0),
                table: table.clone(),
                commits: 0,
            }),
            newest: RwLock::new(table),
            compaction_is_held_up: AtomicBool::new(false),
            writing: Mutex::default(),
            upkeep: Mutex::default(),
        }
    }

    /// Has nothing compacted by itself until it is told otherwise.
    pub fn hold_up_compaction(&self, is_held_up: bool) {
        self.compaction_is_held_up.store(is_held_up, Ordering::Relaxed);
    }

    pub fn compaction_is_held_up(&self) -> bool {
        self.compaction_is_held_up.load(Ordering::Relaxed)
    }

    /// As it is shown: `silver.market_data`, or `raw_market_data_1m` where it is bronze.
    pub fn name(&self) -> &str {
        self.shape.name.as_str()
    }

    pub fn layer(&self) -> Layer {
        self.shape.name.layer
    }

    /// Within its layer.
    pub fn bare_name(&self) -> &str {
        self.shape.name.bare()
    }

    pub(super) fn named(&self) -> String {
        self.name().to_owned()
    }

    /// The table as of the newest commit made or seen here.
    pub fn snapshot(&self) -> DeltaTable {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The table as of an earlier commit. Fails with `NoVersion` if there is none of that version yet,
    /// and with `VersionGone` where the log no longer reaches back to it.
    pub(super) async fn at(&self, version: u64) -> Result<DeltaTable, LakeError> {
        let newest = self.snapshot();
        let last = newest.version().unwrap_or(0);
        if version == last {
            return Ok(newest);
        }
        if version > last {
            return Err(LakeError::NoVersion { table: self.named(), version, newest: last });
        }
        if !self.has_entry(&newest, version).await? {
            return Err(LakeError::VersionGone { table: self.named(), version });
        }
        let log = newest.log_store();
        let table = self.storage.load(log.root_url(), Some(version)).await;
        table.map_err(|error| self.delta(error))
    }

    /// `error`, unless it came about because the log no longer reaches back to the version.
    pub(super) async fn gone_or(&self, version: u64, error: LakeError) -> LakeError {
        let oldest = self.listing().await.map(|listing| listing.oldest_readable());
        match oldest {
            Ok(oldest) if oldest.is_none_or(|oldest| version < oldest) => {
                LakeError::VersionGone { table: self.named(), version }
            }
            _ => error,
        }
    }

    async fn has_entry(&self, table: &DeltaTable, version: u64) -> Result<bool, LakeError> {
        let found = log::has_entry(&table.log_store(), version).await;
        found.map_err(|error| self.delta(error))
    }

    /// Version of the newest commit made or seen here.
    pub fn version(&self) -> u64 {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).version().unwrap_or(0)
    }

    pub(super) fn publish(&self, table: &DeltaTable) {
        let files = table.snapshot().map_or(0, |state| state.log_data().num_files());
        let files = i64::try_from(files).unwrap_or(i64::MAX);
        self.metrics.delta_files.with_label_values(&[self.name()]).set(files);
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = table.clone();
    }

    pub(super) fn delta(&self, source: DeltaTableError) -> LakeError {
        LakeError::Delta { table: self.named(), source: Box::new(source) }
    }

    /// Opens the writer's handle anew, from the log.
    pub(super) async fn reopen(&self, writer: &mut Writer) -> Result<(), LakeError> {
        let url = writer.table.log_store().root_url().clone();
        writer.table = self.storage.load(&url, None).await.map_err(|error| self.delta(error))?;
        writer.commits = 0;
        self.publish(&writer.table);
        Ok(())
    }

    /// Fails with `MovedOn` while there are commits that the caller has not taken in.
    pub(super) fn agree(&self, writer: &Writer) -> Result<(), LakeError> {
        if writer.table.version().unwrap_or(0) == writer.known {
            return Ok(());
        }
        Err(LakeError::MovedOn { table: self.named(), known: writer.known })
    }

    /// Says that the records of every commit up to `version` have been taken in.
    pub async fn acknowledge(&self, version: u64) {
        let mut writer = self.writer.lock().await;
        writer.known = writer.known.max(version);
    }

    /// The newest version of which that was said, or that was committed here after one.
    pub async fn known(&self) -> u64 {
        self.writer.lock().await.known
    }

    /// Looks whether somebody else has committed, and reads from then on as of the newest commit.
    pub async fn look(&self) -> Result<bool, LakeError> {
        let newest = self.snapshot();
        let version = newest.version().unwrap_or(0);
        // Whoever has not looked for long finds that the log begins after what comes next.
        if !self.has_entry(&newest, version + 1).await? && self.has_entry(&newest, version).await? {
            return Ok(false);
        }
        let mut writer = self.writer.lock().await;
        self.reopen(&mut writer).await?;
        Ok(self.version() != version)
    }

    /// By which the table is told from any other of its name.
    pub fn id(&self) -> Result<String, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        Ok(state.metadata().id().to_owned())
    }

    /// Like `reopen`, when enough commits were made through the handle.
    pub(super) async fn refresh(&self, writer: &mut Writer) -> Result<(), LakeError> {
        if writer.commits < COMMITS_PER_HANDLE { Ok(()) } else { self.reopen(writer).await }
    }

    /// What the commits after `version` say of themselves, oldest first, with their versions.
    ///
    /// Fails with `LogExpired` where the log does not reach back that far.
    pub async fn records_after(&self, version: u64) -> Result<Vec<(u64, CommitRecord)>, LakeError> {
        let newest = self.snapshot();
        let last = newest.version().unwrap_or(0);
        let log = newest.log_store();
        let mut records = Vec::new();
        for version in version + 1..=last {
            if let Some(record) = self.record(&log, version).await? {
                records.push((version, record));
            }
        }
        Ok(records)
    }

    pub(super) async fn record(
        &self,
        log: &LogStoreRef,
        version: u64,
    ) -> Result<Option<CommitRecord>, LakeError> {
        let commit = log.read_commit_entry(version).await.map_err(|error| self.delta(error))?;
        let commit = commit.ok_or(LakeError::LogExpired { table: self.named(), version })?;
        record::read(&commit).map_err(|error| LakeError::LogUnreadable {
            table: self.named(),
            version,
            detail: error.to_string(),
        })
    }

    /// How many landings of a series or feed the log knows of; asks the log itself, so it is slow.
    pub fn landings<'a>(
        &'a self,
        of: &'a (impl fmt::Display + Sync),
    ) -> BoxFuture<'a, Result<i64, LakeError>> {
        Box::pin(async move {
            match self.landings_seen(of).await {
                // What was known of the log may be gone from it.
                Err(_) if self.look().await? => self.landings_seen(of).await,
                landings => landings,
            }
        })
    }

    async fn landings_seen(&self, of: &(impl fmt::Display + Sync)) -> Result<i64, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        let landings = state.transaction_version(&newest.log_store(), of).await;
        Ok(landings.map_err(|error| self.delta(error))?.unwrap_or(0))
    }

    pub(super) fn query(&self, source: DataFusionError) -> LakeError {
        LakeError::Query { table: self.named(), source: Box::new(source) }
    }

    pub(super) fn arrow(&self, source: ArrowError) -> LakeError {
        LakeError::Arrow { table: self.named(), source }
    }

    pub(super) fn unreadable(&self) -> LakeError {
        LakeError::LogUnreadable {
            table: self.named(),
            version: self.version(),
            detail: "a column is missing or of another type".to_owned(),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name()).finish_non_exhaustive()
    }
}

async fn create(
    builder: Result<DeltaTableBuilder, DeltaTableError>,
    shape: &Shape,
) -> Result<DeltaTable, DeltaTableError> {
    let table = builder?.build()?;
    let own = shape.properties();
    let own = own.iter().map(|(key, value)| (*key, value.as_str()));
    let properties = PROPERTIES.into_iter().chain(own);
    table
        .create()
        .with_save_mode(SaveMode::ErrorIfExists)
        .with_columns(shape.fields()?)
        .with_partition_columns(shape.partition_columns())
        .with_raise_if_key_not_exists(false)
        .with_configuration(properties.map(|(key, value)| (key, Some(value))))
        // Of two who create it at once the slower would commit its own metadata as version 1.
        .with_commit_properties(CommitProperties::default().with_max_retries(0))
        .await
}
