//! The lock file of a lake: who uses it, and with which control store.
//!
//! A process with a store of its own has the lake for itself. Replicas of one store share it; the
//! file says which store that is, and is written by whoever finds nobody else there.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::StartError;

/// Held as long as the handle lives.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

/// So often, and so long apart, it is looked whether those who are about to claim the lake have.
const LOOKS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(20);

impl Lock {
    /// Fails with `Locked` if somebody has the lake for himself, or this process wants to and cannot.
    pub(super) async fn of(lake: &Path, is_shared: bool) -> Result<Self, StartError> {
        fs::create_dir_all(lake)?;
        let path = lake.join(".barkeep.lock");
        let file = File::options().create(true).append(true).open(&path)?;
        let lock = Self { path, file };
        if is_shared {
            // Not kept: of several who start together none could claim it before the others have.
            lock.share().await?;
            lock.file.unlock()?;
        } else if !is_done(lock.file.try_lock())? {
            return Err(StartError::Locked(lock.path));
        }
        Ok(lock)
    }

    /// Says that the lake is used with that store, if nobody else uses it; fails with `OtherStore` if
    /// others use it with another one.
    pub(super) async fn claim(&self, store: &str) -> Result<(), StartError> {
        for _ in 0..LOOKS {
            if is_done(self.file.try_lock())? {
                fs::write(&self.path, store)?;
                self.file.unlock()?;
            }
            self.share().await?;
            if fs::read_to_string(&self.path)? == store {
                return Ok(());
            }
            // Those in the way use another store, or are about to claim the lake as well.
            self.file.unlock()?;
            tokio::time::sleep(BETWEEN).await;
        }
        Err(StartError::OtherStore(self.path.clone()))
    }

    /// Somebody who is just claiming the lake will share it in a moment.
    async fn share(&self) -> Result<(), StartError> {
        for _ in 0..LOOKS {
            if is_done(self.file.try_lock_shared())? {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(StartError::Locked(self.path.clone()))
    }
}

/// Whether nobody was in the way.
fn is_done(locked: Result<(), TryLockError>) -> io::Result<bool> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    async fn claimed(lake: &Path, store: &str) -> Result<Lock, StartError> {
        let lock = Lock::of(lake, true).await?;
        lock.claim(store).await?;
        Ok(lock)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn replicas_that_start_together_share_a_lake_whoever_had_it_before() {
        let lake = tempfile::tempdir().unwrap();
        for store in ["one", "another"] {
            let starts = (0..8).map(|_| {
                let lake = lake.path().to_owned();
                tokio::spawn(async move { claimed(&lake, store).await })
            });
            let locks: Vec<_> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
            assert!(locks.iter().all(Result::is_ok), "{locks:?}");
        }
    }

    #[tokio::test]
    async fn a_lake_in_use_is_nobody_elses() {
        let lake = tempfile::tempdir().unwrap();
        let shared = claimed(lake.path(), "one").await.unwrap();
        let refused = claimed(lake.path(), "other").await.unwrap_err();
        assert!(matches!(refused, StartError::OtherStore(_)), "{refused}");
        assert!(matches!(Lock::of(lake.path(), false).await, Err(StartError::Locked(_))));
        drop(shared);
        let alone = Lock::of(lake.path(), false).await.unwrap();
        assert!(matches!(claimed(lake.path(), "one").await, Err(StartError::Locked(_))));
        drop(alone);
        claimed(lake.path(), "other").await.unwrap();
    }
}
