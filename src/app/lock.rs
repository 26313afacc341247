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

/// So often, and so long apart, it is looked whether somebody who was about to claim the lake has.
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
            lock.share().await?;
        } else if !is_done(lock.file.try_lock())? {
            return Err(StartError::Locked(lock.path));
        }
        Ok(lock)
    }

    /// Says that the lake is used with that store, if nobody else uses it; fails with `OtherStore` if
    /// others use it with another one.
    pub(super) async fn claim(&self, store: &str) -> Result<(), StartError> {
        self.file.unlock()?;
        if is_done(self.file.try_lock())? {
            fs::write(&self.path, store)?;
            self.file.unlock()?;
        }
        self.share().await?;
        let is_ours = fs::read_to_string(&self.path)? == store;
        if is_ours { Ok(()) } else { Err(StartError::OtherStore(self.path.clone())) }
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
