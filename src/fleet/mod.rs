//! The daemons that share a store and a lake, and which of them does what.
//!
//! Each duty has a lease in the store. A replica renews what it has three times per lease, takes what
//! is free, and gives up what it has too much of. It works for a duty only while its own clock says
//! that the lease has not run out; and should it be wrong about that, having stood still or with a
//! clock that is off, then the token of the lease refuses its writes. Where one process has the store
//! for itself it has every duty from the start, and none of this happens.

mod balance;
mod beat;
mod duty;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

pub use self::duty::Duty;
use crate::{
    clock::Clock,
    config::Config,
    market::ProviderId,
    store::{Incarnation, Store, StoreError},
    telemetry::Metrics,
};

/// This replica among the others.
pub struct Fleet {
    name: String,
    address: String,
    started_at: DateTime<Utc>,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    duties: Vec<Duty>,
    /// `None` where there are no others.
    membership: Option<Membership>,
}

struct Membership {
    who: Incarnation,
    lease: TimeDelta,
    /// One heartbeat at a time.
    beating: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: BTreeMap<Duty, Held>,
    /// A later process goes by this name.
    is_superseded: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    token: i64,
    until: DateTime<Utc>,
    /// What must be known for the duty is known.
    is_ready: bool,
}

/// A replica as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub address: String,
    pub version: String,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub is_alive: bool,
    pub duties: Vec<HeldDuty>,
}

/// A duty that a replica has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDuty {
    pub name: String,
    pub token: i64,
    /// `None` where there are no others to take it.
    pub until: Option<DateTime<Utc>>,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Of every duty of a process that has no others beside it.
const OWN_TOKEN: i64 = 1;

impl Fleet {
    /// Without others: every duty is this process's own.
    pub fn alone(
        config: &Config,
        store: &Store,
        (clock, metrics): (&Arc<dyn Clock>, &Metrics),
        providers: impl Iterator<Item = ProviderId>,
    ) -> Self {
        let fleet = Self {
            name: config.replica.name(config.server.bind),
            address: config.server.bind.to_string(),
            started_at: clock.now(),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            duties: providers.map(Duty::Provider).chain([Duty::Lake]).collect(),
            membership: None,
        };
        fleet.show();
        fleet
    }

    /// Joins those who share the store, and takes what is this replica's at once.
    pub async fn join(
        config: &Config,
        store: &Store,
        context: (&Arc<dyn Clock>, &Metrics),
        providers: impl Iterator<Item = ProviderId>,
    ) -> Result<Self, StoreError> {
        let mut fleet = Self::alone(config, store, context, providers);
        for duty in &fleet.duties {
            store.fence(&duty.to_string(), None);
        }
        let about = (&*fleet.address, VERSION);
        fleet.membership = Some(Membership {
            who: store.join(&fleet.name, about, fleet.started_at).await?,
            // Somebody has to notice as well, which takes up to a third of it.
            lease: config.replica.lease * 2 / 3,
            beating: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        fleet.beat().await?;
        Ok(fleet)
    }

    /// The name of this replica.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_alone(&self) -> bool {
        self.membership.is_none()
    }

    /// Whether this replica may ask a provider and land what it answers, at present.
    pub fn serves(&self, provider: &ProviderId) -> bool {
        self.holds(&Duty::Provider(provider.clone()))
    }

    /// Whether a duty is this replica's, at present. What is nobody's duty is everybody's.
    pub fn holds(&self, duty: &Duty) -> bool {
        let now = self.clock.now();
        self.look(duty, |held| held.is_ready && held.until > now)
    }

    /// Whether this replica keeps the books of a provider: it has taken them up, and nobody else is
    /// known to have done so since.
    pub fn keeps_books_of(&self, provider: &ProviderId) -> bool {
        self.look(&Duty::Provider(provider.clone()), |held| held.is_ready)
    }

    /// Whether a provider's books will be, or are, kept here.
    pub fn has_books_of(&self, provider: &ProviderId) -> bool {
        self.look(&Duty::Provider(provider.clone()), |_| true)
    }

    /// The token by which the writes of a duty are guarded; `None` if it is somebody else's.
    pub fn token(&self, duty: &Duty) -> Option<i64> {
        let Some(membership) = &self.membership else { return Some(OWN_TOKEN) };
        let held = membership.state().held.get(duty).copied()?;
        self.store.fenced_by(&duty.to_string()).filter(|token| *token == held.token)
    }

    /// Says that everything that must be known for a duty is known.
    pub fn ready(&self, duty: &Duty) {
        if let Some(membership) = &self.membership
            && let Some(held) = membership.state().held.get_mut(duty)
        {
            held.is_ready = true;
        }
        self.show();
    }

    /// Counts a write that was refused because its duty is somebody else's.
    pub fn fenced(&self) {
        self.metrics.fenced.with_label_values::<&str>(&[]).inc();
        self.show();
    }

    /// How long from one heartbeat to the next.
    pub fn pulse(&self) -> std::time::Duration {
        let lease = self.membership.as_ref().map_or(TimeDelta::hours(1), |one| one.lease);
        (lease / 3).to_std().unwrap_or_default()
    }

    /// Everybody, ordered by name.
    pub async fn members(&self) -> Result<Vec<Member>, StoreError> {
        let now = self.clock.now();
        let Some(membership) = &self.membership else { return Ok(vec![self.only(now)]) };
        let leases = self.store.leases().await?;
        let member = |record: crate::store::ReplicaRecord| Member {
            is_alive: record.seen_at + membership.lease > now,
            duties: leases
                .iter()
                .filter(|lease| lease.holder == record.name && !lease.is_free(now))
                .map(|lease| HeldDuty {
                    name: lease.duty.clone(),
                    token: lease.token,
                    until: Some(lease.until),
                })
                .collect(),
            name: record.name,
            address: record.address,
            version: record.version,
            started_at: record.started_at,
            seen_at: record.seen_at,
        };
        Ok(self.store.replicas().await?.into_iter().map(member).collect())
    }

    fn only(&self, now: DateTime<Utc>) -> Member {
        let own = |duty: &Duty| HeldDuty { name: duty.to_string(), token: OWN_TOKEN, until: None };
        Member {
            name: self.name.clone(),
            address: self.address.clone(),
            version: VERSION.to_owned(),
            started_at: self.started_at,
            seen_at: now,
            is_alive: true,
            duties: self.duties.iter().map(own).collect(),
        }
    }

    fn look(&self, duty: &Duty, holds: impl FnOnce(&Held) -> bool) -> bool {
        let Some(membership) = &self.membership else { return true };
        if !self.duties.contains(duty) {
            return true;
        }
        let held = membership.state().held.get(duty).copied();
        let is_own = |held: &Held| self.store.fenced_by(&duty.to_string()) == Some(held.token);
        held.is_some_and(|held| is_own(&held) && holds(&held))
    }

    /// Sets the gauges.
    fn show(&self) {
        for duty in &self.duties {
            let label = duty.to_string();
            let held = i64::from(self.look(duty, |held| held.is_ready));
            self.metrics.lease_held.with_label_values(&[&*label]).set(held);
        }
    }
}

impl Membership {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("name", &self.name).finish_non_exhaustive()
    }
}
