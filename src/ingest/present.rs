//! The roster of the present, which is replaced as a whole.

use std::sync::{Arc, PoisonError, RwLock};

use super::Roster;

/// Whoever looks keeps what they see until they look again.
#[derive(Debug)]
pub struct Present {
    /// Whoever holds it may put another roster in place.
    pub turn: tokio::sync::Mutex<()>,
    state: RwLock<(i64, Arc<Roster>)>,
}

impl Present {
    pub fn new(revision: i64, roster: Roster) -> Self {
        let turn = tokio::sync::Mutex::new(());
        Self { turn, state: RwLock::new((revision, Arc::new(roster))) }
    }

    pub fn roster(&self) -> Arc<Roster> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// The revision of the store that the roster was read at, or an earlier one.
    pub fn revision(&self) -> i64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).0
    }

    pub fn replace(&self, revision: i64, roster: Roster) {
        let new = (revision, Arc::new(roster));
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}
