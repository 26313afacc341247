//! Which key a token opens with. The keys are read again every second while somebody asks, so one
//! that was made or revoked beside the running daemon is noticed, and a guess costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::token;
use crate::{
    clock::Clock,
    error::chain,
    lifecycle::Lifecycle,
    market::Scope,
    store::{ApiKey, Store},
};

/// A key that is revoked is refused after this long at the latest.
const FRESH: TimeDelta = TimeDelta::seconds(1);
/// Somebody with a token that nobody knows may have just been given it.
const FRESH_FOR_STRANGERS: TimeDelta = TimeDelta::milliseconds(100);
/// How exactly the last use of a key is known.
const USE: TimeDelta = TimeDelta::minutes(1);

/// Whom a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    pub name: Arc<str>,
    pub scope: Scope,
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the API key is not known, or has been revoked")]
    Unknown,
    #[error("the API key has expired")]
    Expired,
    /// Whether a key has been revoked cannot be found out.
    #[error("the API keys cannot be read")]
    Unavailable,
}

#[derive(Debug)]
pub struct Keyring {
    store: Store,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    known: Mutex<Arc<Known>>,
    /// When the keys could last not be read, if that was the end of it.
    failed_at: Mutex<Option<DateTime<Utc>>>,
    /// Held by the one who reads for all.
    reading: tokio::sync::Mutex<()>,
    /// When the last use of a key was written, by its id.
    used: Mutex<HashMap<String, DateTime<Utc>>>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<ApiKey>,
    read_at: Option<DateTime<Utc>>,
}

impl Keyring {
    pub(super) fn new(store: &Store, clock: &Arc<dyn Clock>, lifecycle: &Lifecycle) -> Self {
        Self {
            store: store.clone(),
            clock: clock.clone(),
            lifecycle: lifecycle.clone(),
            known: Mutex::default(),
            failed_at: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Whose token it is.
    pub async fn open(&self, text: &str) -> Result<Bearer, Refusal> {
        if !token::is_token(text) {
            return Err(Refusal::Unknown);
        }
        let hash = token::hash(text);
        let known = self.known(FRESH).await?;
        if let Some(key) = known.find(&hash) {
            return self.opened(key);
        }
        let known = self.known(FRESH_FOR_STRANGERS).await?;
        known.find(&hash).map_or(Err(Refusal::Unknown), |key| self.opened(key))
    }

    fn opened(&self, key: &ApiKey) -> Result<Bearer, Refusal> {
        let now = self.clock.now();
        if key.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired);
        }
        self.mark(key, now);
        Ok(Bearer { name: key.name.as_str().into(), scope: key.scope })
    }

    /// The keys as they were at most so long ago.
    async fn known(&self, at_most: TimeDelta) -> Result<Arc<Known>, Refusal> {
        if let Some(known) = self.at_hand(at_most)? {
            return Ok(known);
        }
        let _turn = self.reading.lock().await;
        if let Some(known) = self.at_hand(at_most)? {
            return Ok(known);
        }
        // What changes while the answer is on its way may not be in it.
        let read_at = Some(self.clock.now());
        let keys = self.store.living_api_keys().await.map_err(|error| {
            tracing::error!(error = chain(&error), "the API keys cannot be read");
            // It may have taken long to fail, so it counts from now on.
            self.note_failure(Some(self.clock.now()));
            Refusal::Unavailable
        })?;
        self.note_failure(None);
        let is_living = |id: &String| keys.iter().any(|key| key.id == *id);
        self.used.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| is_living(id));
        let known = Arc::new(Known { keys, read_at });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known.clone();
        Ok(known)
    }

    /// The keys without reading them; a store that has just not answered is not asked again, or
    /// everybody would wait for it in turn.
    fn at_hand(&self, at_most: TimeDelta) -> Result<Option<Arc<Known>>, Refusal> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.is_within(known.read_at, at_most) {
            return Ok(Some(known));
        }
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_within(failed_at, FRESH) { Err(Refusal::Unavailable) } else { Ok(None) }
    }

    fn is_within(&self, at: Option<DateTime<Utc>>, at_most: TimeDelta) -> bool {
        let age = at.map(|at| self.clock.now() - at);
        // A clock that was set back says nothing about the age.
        age.is_some_and(|age| (TimeDelta::zero()..at_most).contains(&age))
    }

    fn note_failure(&self, at: Option<DateTime<Utc>>) {
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Writes down that the key was used, unless that was done within the last minute. Nobody waits
    /// for it, and a use that is lost does no harm.
    fn mark(&self, key: &ApiKey, now: DateTime<Utc>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let last = used.get(&key.id).copied().or(key.last_used_at);
        if last.is_some_and(|last| (last..last + USE).contains(&now)) {
            return;
        }
        used.insert(key.id.clone(), now);
        drop(used);
        let (store, id) = (self.store.clone(), key.id.clone());
        self.lifecycle.spawn(async move {
            if let Err(error) = store.used_api_key(&id, now).await {
                tracing::debug!(%error, "the use of an API key is not written down");
            }
        });
    }
}

impl Known {
    /// Looks at every key, so that the time it takes says nothing of how close a guess came.
    fn find(&self, hash: &[u8]) -> Option<&ApiKey> {
        self.keys.iter().fold(None, |found, key| {
            if token::is_same(key.hash.as_bytes(), hash) { Some(key) } else { found }
        })
    }
}
