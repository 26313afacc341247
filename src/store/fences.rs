//! What keeps a replica that has lost a duty from writing over what its successor knows.
//!
//! Every write that belongs to a duty is guarded, in the same transaction, by the token of its lease.
//! Where one process has the store for itself there is nothing to guard.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    Store, StoreError,
    statement::{Statement, sql},
};
use crate::market::ProviderId;

/// By which `StoreError::MovedOn` a write was refused whose lease is somebody else's.
pub(super) const LEASE: &str = "the lease on this work";

/// The tokens of the duties that are shared out; `None` for one that this process does not have.
#[derive(Debug, Clone, Default)]
pub(super) struct Fences(Arc<RwLock<BTreeMap<String, Option<i64>>>>);

impl Fences {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Option<i64>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Option<i64>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The duty of everything that concerns a provider's account.
pub fn duty_of(provider: impl fmt::Display) -> String {
    format!("provider/{provider}")
}

impl Store {
    /// From now on writes that belong to `duty` are guarded by its token, or refused without one.
    pub fn fence(&self, duty: &str, token: Option<i64>) {
        self.fences.write().insert(duty.to_owned(), token);
    }

    /// The token of a duty, as long as this process has it.
    pub fn fenced_by(&self, duty: &str) -> Option<i64> {
        self.fences.read().get(duty).copied().flatten()
    }

    /// Whether what belongs to a provider may be written here.
    pub fn may_write_of(&self, provider: &ProviderId) -> bool {
        let fences = self.fences.read();
        fences.is_empty() || fences.get(&duty_of(provider)).is_none_or(Option::is_some)
    }

    /// What must hold for a provider's writes; nothing where duties are not shared out.
    pub(super) fn guard(
        &self,
        provider: impl fmt::Display,
    ) -> Result<Option<Statement>, StoreError> {
        let fences = self.fences.read();
        if fences.is_empty() {
            return Ok(None);
        }
        let duty = duty_of(provider);
        match fences.get(&duty) {
            None => Ok(None),
            Some(None) => Err(StoreError::MovedOn { what: LEASE }),
            Some(Some(token)) => {
                let guard = sql("update lease set told = told + 1 where name = $1 and token = $2");
                Ok(Some(guard.bind(duty).bind(*token).or_moved_on(LEASE)))
            }
        }
    }

    /// Writes what belongs to a duty; if it is somebody else's, this process does not have it.
    pub(super) async fn write_guarded(&self, statements: &[Statement]) -> Result<(), StoreError> {
        let written = self.engine.write(statements).await;
        if written.as_ref().is_err_and(StoreError::is_fenced) {
            for lease in self.leases().await? {
                let mut fences = self.fences.write();
                if let Some(token) = fences.get_mut(&lease.duty)
                    && *token != Some(lease.token)
                {
                    *token = None;
                }
            }
        }
        written
    }
}
