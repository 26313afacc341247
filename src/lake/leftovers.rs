//! Data files that nobody needs any more, and their removal.
//!
//! A file is needed as long as a version that is still in the log refers to it: it is live, or an
//! entry that is still there has added or removed it. Since the log is shortened after the files were
//! looked at, files go one pass later than the last version that refers to them, and whoever was
//! reading that version meanwhile has read it.
//!
//! delta-rs's own vacuum is not used: it keeps what the newest version refers to, and older ones only
//! if each is named; it goes by the machine's clock instead of the disk's; and it commits twice beside
//! the writer, which would have to catch up each time.

use std::collections::HashSet;

use chrono::TimeDelta;
use deltalake::{
    DeltaTable, DeltaTableError,
    logstore::{
        LogStoreRef,
        object_store::{self, ObjectMeta, ObjectStore, path::Path},
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::log::{Listing, READ_AT_ONCE, lines, time_on_disk};
use crate::crash;

/// Files and what they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

/// Every data file of a table: how much there is, and which of them are left over.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Of all data files, needed or not.
    pub(super) all: Amount,
    /// Below the table's folder, oldest first.
    files: Vec<ObjectMeta>,
}

impl Leftovers {
    /// Looks for what has been there for longer than `retention` and is not needed. `load` opens the
    /// table as of its newest version: after the files were listed, so that whatever has been
    /// committed by then counts as needed.
    pub(super) async fn look(
        log: &LogStoreRef,
        retention: TimeDelta,
        load: impl Future<Output = Result<DeltaTable, DeltaTableError>>,
    ) -> Result<Self, DeltaTableError> {
        let now = time_on_disk(log).await?;
        let store = log.object_store(None);
        let files: Vec<ObjectMeta> = store
            .list(None)
            .try_filter(|file| futures::future::ready(is_data(file)))
            .try_collect()
            .await?;
        let newest = load.await?;
        let needed = needed(log, &newest).await?;
        let all = Amount::of(&files);
        let is_old = |file: &ObjectMeta| now - file.last_modified > retention;
        let mut files: Vec<ObjectMeta> = files
            .into_iter()
            .filter(|file| is_old(file) && !needed.contains(name_of(&file.location)))
            .collect();
        files.sort_by(|a, b| (a.last_modified, &a.location).cmp(&(b.last_modified, &b.location)));
        Ok(Self { all, files })
    }

    pub(super) fn amount(&self) -> Amount {
        Amount::of(&self.files)
    }

    /// The first so many, below the table's folder.
    pub(super) fn names(&self, most: usize) -> Vec<String> {
        self.files.iter().take(most).map(|file| file.location.to_string()).collect()
    }

    /// Removes them. One that is gone already was removed by somebody else.
    pub(super) async fn remove(self, log: &LogStoreRef) -> Result<(), DeltaTableError> {
        let files = stream::iter(self.files.into_iter().map(|file| Ok(file.location)));
        let mut removed = log.object_store(None).delete_stream(files.boxed());
        while let Some(outcome) = removed.next().await {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            crash::point("leftover_removed");
        }
        Ok(())
    }
}

impl Amount {
    fn of(files: &[ObjectMeta]) -> Self {
        Self { files: files.len() as u64, bytes: files.iter().map(|file| file.size).sum() }
    }
}

/// Parquet below a folder of a partition. What strangers keep beside it, like the bitmaps of deleted
/// rows or an index, is theirs.
fn is_data(file: &ObjectMeta) -> bool {
    let folders: Vec<_> = file.location.parts().collect();
    let is_hidden = folders.first().is_none_or(|first| first.as_ref().starts_with(['_', '.']));
    !is_hidden && folders.len() > 1 && file.location.extension() == Some("parquet")
}

/// The names of all files that a version still in the log refers to. Names, because every one has a
/// random number in it, and there are two ways to write a path.
async fn needed(
    log: &LogStoreRef,
    newest: &DeltaTable,
) -> Result<HashSet<String>, DeltaTableError> {
    let live = newest.snapshot()?.log_data();
    let mut needed: HashSet<String> =
        live.iter().map(|file| name_of(&file.object_store_path()).to_owned()).collect();
    let entries = Listing::of(log).await?.entries;
    let read = |version| async move {
        let entry = log.read_commit_entry(version).await?.unwrap_or_default();
        files_of(&entry).map_err(|error| DeltaTableError::generic(error.to_string()))
    };
    let mut read = stream::iter(entries).map(read).buffer_unordered(READ_AT_ONCE);
    while let Some(names) = read.try_next().await? {
        needed.extend(names);
    }
    Ok(needed)
}

/// The names of the files that an entry adds or removes.
fn files_of(entry: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Line {
        add: Option<File>,
        remove: Option<File>,
    }
    #[derive(Deserialize)]
    struct File {
        path: String,
    }
    let mut names = Vec::new();
    for line in lines(entry) {
        let Line { add, remove } = serde_json::from_slice(line)?;
        let last = |file: File| file.path.rsplit('/').next().map(str::to_owned);
        names.extend(add.into_iter().chain(remove).filter_map(last));
    }
    Ok(names)
}

fn name_of(path: &Path) -> &str {
    path.filename().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn only_parquet_in_the_folder_of_a_partition_is_data() {
        let is_data = |path: &str| {
            let location = Path::parse(path).unwrap();
            let last_modified = DateTime::UNIX_EPOCH;
            is_data(&ObjectMeta { location, last_modified, size: 1, e_tag: None, version: None })
        };
        assert!(is_data("date=2024-03-01/part-1.zstd.parquet"));
        for other in [
            "_delta_log/00000000000000000010.checkpoint.parquet",
            "_change_data/date=2024-03-01/cdc-1.parquet",
            ".hidden/part-1.parquet",
            "date=2024-03-01/deletion_vector_1.bin",
            "notes.parquet",
        ] {
            assert!(!is_data(other), "{other}");
        }
    }

    #[test]
    fn an_entry_names_what_it_adds_and_removes() {
        let entry = b"{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n\
            {\"remove\":{\"path\":\"date=2024-03-01/a.parquet\",\"dataChange\":false}}\n\
            {\"add\":{\"path\":\"date=2024-03-01/b.parquet\",\"size\":7}}\n";
        assert_eq!(files_of(entry).unwrap(), ["a.parquet", "b.parquet"]);
        assert!(files_of(b"{torn").is_err());
    }
}
