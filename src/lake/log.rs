//! What of a table's log is still there, as it was when it was listed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use deltalake::{
    DeltaTableError,
    logstore::{
        LogStoreRef,
        object_store::{self, ObjectStore, ObjectStoreExt, PutPayload, path::Path},
    },
};
use futures::TryStreamExt;

/// The versions that have an entry, and those that have a checkpoint.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) entries: BTreeSet<u64>,
    checkpoints: BTreeSet<u64>,
}

impl Listing {
    pub(super) async fn of(log: &LogStoreRef) -> Result<Self, DeltaTableError> {
        let store = log.object_store(None);
        let mut files = store.list(Some(log.log_path()));
        let mut listing = Self::default();
        while let Some(file) = files.try_next().await? {
            listing.add(file.location.filename().unwrap_or_default());
        }
        Ok(listing)
    }

    /// Takes in a file. Checkpoints in several parts are a stranger's, and may lack some: they are
    /// not counted upon.
    fn add(&mut self, name: &str) {
        let Some((number, kind)) = name.split_once('.') else { return };
        let Some(version) = number.parse().ok().filter(|_| number.len() == 20) else { return };
        match kind.split('.').collect::<Vec<_>>()[..] {
            ["json"] => _ = self.entries.insert(version),
            ["checkpoint", "parquet"] | ["checkpoint", _, "parquet" | "json"] => {
                self.checkpoints.insert(version);
            }
            _ => {}
        }
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.entries.last().copied()
    }

    /// The oldest version of which there is all it is read from: a checkpoint and every entry since,
    /// or every entry from the first one on.
    pub(super) fn oldest_readable(&self) -> Option<u64> {
        let newest = self.newest()?;
        let mut oldest = newest;
        // A removal that was cut short may have left some below a hole.
        while oldest > 0 && self.entries.contains(&(oldest - 1)) {
            oldest -= 1;
        }
        if oldest == 0 {
            return Some(0);
        }
        self.checkpoints.range(oldest..=newest).next().copied()
    }
}

/// Entries of the log that are read at the same time.
pub(super) const READ_AT_ONCE: usize = 8;

/// The lines of an entry, each a JSON object.
pub(super) fn lines(entry: &[u8]) -> impl Iterator<Item = &[u8]> {
    entry.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Where the entry of a version is.
fn entry_of(log: &LogStoreRef, version: u64) -> Path {
    log.log_path().clone().join(format!("{version:020}.json"))
}

/// Whether the log has an entry of that version, which is cheaper to learn than what it says.
pub(super) async fn has_entry(log: &LogStoreRef, version: u64) -> Result<bool, DeltaTableError> {
    match log.object_store(None).head(&entry_of(log, version)).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What the disk takes for now: clocks may differ, and only ages by one of them mean anything.
pub(super) async fn time_on_disk(log: &LogStoreRef) -> Result<DateTime<Utc>, DeltaTableError> {
    let (store, path) = (log.object_store(None), log.log_path().clone().join(CLOCK));
    store.put(&path, PutPayload::default()).await?;
    Ok(store.head(&path).await?.last_modified)
}

/// An empty file in the log that is written anew to see what time it is. Readers pass over it.
const CLOCK: &str = "_barkeep_clock";

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let mut listing = Listing::default();
        for name in names {
            listing.add(name);
        }
        listing
    }

    fn entries(versions: impl IntoIterator<Item = u64>) -> Vec<String> {
        versions.into_iter().map(|version| format!("{version:020}.json")).collect()
    }

    fn oldest(versions: &[u64], checkpoints: &[u64]) -> Option<u64> {
        let mut names = entries(versions.iter().copied());
        names.extend(checkpoints.iter().map(|at| format!("{at:020}.checkpoint.parquet")));
        listing(&names.iter().map(String::as_str).collect::<Vec<_>>()).oldest_readable()
    }

    #[test]
    fn a_version_is_read_from_a_checkpoint_and_every_entry_since() {
        assert_eq!(oldest(&[], &[]), None);
        assert_eq!(oldest(&[0, 1, 2], &[]), Some(0));
        assert_eq!(oldest(&[0, 1, 2], &[2]), Some(0));
        assert_eq!(oldest(&[3, 4, 5], &[3]), Some(3));
        assert_eq!(oldest(&[3, 4, 5, 6], &[5]), Some(5), "3 and 4 lack what was before them");
        assert_eq!(oldest(&[1, 4, 5], &[1, 4]), Some(4), "what was left below a hole");
        assert_eq!(oldest(&[4, 5], &[]), None);
    }

    #[test]
    fn only_what_belongs_to_a_log_counts() {
        let all = listing(&[
            "_last_checkpoint",
            "_barkeep_clock",
            "00000000000000000007.json",
            "00000000000000000007.checkpoint.parquet",
            "00000000000000000008.checkpoint.0000000001.0000000002.parquet",
            "00000000000000000009.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
            "00000000000000000009.json.tmp",
            "9.json",
        ]);
        assert_eq!(all.entries, [7].into());
        assert_eq!(all.checkpoints, [7, 9].into());
    }
}
