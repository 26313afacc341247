//! The heartbeat of a replica: a sign of life, its leases renewed, and what its share asks for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Duty, Fleet, Held, Membership, balance::View};
use crate::store::StoreError;

impl Fleet {
    /// Renews, takes and gives up; tells which duties this replica has but does not know enough for
    /// yet. While the store cannot be reached the leases run out by themselves.
    pub async fn beat(&self) -> Result<Vec<Duty>, StoreError> {
        let Some(membership) = &self.membership else { return Ok(Vec::new()) };
        let _turn = membership.beating.lock().await;
        let began = self.beat_as(membership).await;
        self.show();
        began.map(|()| self.arrived())
    }

    /// The duties that this replica has but does not know enough for yet.
    pub fn arrived(&self) -> Vec<Duty> {
        let Some(membership) = &self.membership else { return Vec::new() };
        let state = membership.state();
        let arrived = state.held.iter().filter(|(_, held)| !held.is_ready);
        arrived.map(|(duty, _)| duty.clone()).collect()
    }

    /// Gives up everything at once, so that nobody has to wait.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let Some(membership) = &self.membership else { return Ok(()) };
        let _turn = membership.beating.lock().await;
        let held = std::mem::take(&mut membership.state().held);
        for duty in held.keys() {
            self.store.fence(&duty.to_string(), None);
        }
        self.show();
        self.store.leave(&membership.who, self.clock.now()).await
    }

    async fn beat_as(&self, membership: &Membership) -> Result<(), StoreError> {
        if membership.state().is_superseded {
            return Ok(());
        }
        // The time before the question: a late answer must not make the lease longer.
        let now = self.clock.now();
        let until = now + membership.lease;
        match self.store.seen(&membership.who, now).await {
            Err(StoreError::MovedOn { .. }) => {
                self.superseded(membership);
                return Ok(());
            }
            seen => seen?,
        }
        let renewed = self.store.renew_leases(&membership.who, until).await?;
        self.keep(membership, &renewed.into_iter().collect(), until);
        let leases = self.store.leases().await?;
        let live: BTreeSet<String> = self
            .store
            .replicas()
            .await?
            .into_iter()
            .filter(|one| one.seen_at + membership.lease > now)
            .map(|one| one.name)
            .collect();
        for lease in &leases {
            let is_mine = lease.holder == self.name && lease.incarnation < membership.who.number;
            let duty = self.duties.iter().find(|duty| duty.to_string() == lease.duty);
            if let Some(duty) = duty.filter(|_| is_mine) {
                self.take(membership, duty, (now, until)).await?;
            }
        }
        let leases = self.store.leases().await?;
        let (me, duties, lease) = (&*self.name, &*self.duties, membership.lease);
        let moves = View { me, duties, live: &live, leases: &leases, now, lease }.moves();
        for duty in &moves.take {
            self.take(membership, duty, (now, until)).await?;
        }
        if let Some(duty) = moves.give_up {
            self.give_up(membership, &duty, now).await?;
        }
        Ok(())
    }

    /// Compares what the store says is held with what was thought to be.
    fn keep(&self, membership: &Membership, renewed: &BTreeMap<String, i64>, until: DateTime<Utc>) {
        for duty in &self.duties {
            let name = duty.to_string();
            let mut state = membership.state();
            let known = state.held.get(duty).map(|held| held.token);
            match (known, renewed.get(&name).copied()) {
                (None, None) => {}
                (Some(known), Some(token)) if known == token => {
                    if let Some(held) = state.held.get_mut(duty) {
                        held.until = until;
                    }
                    drop(state);
                    self.store.fence(&name, Some(token));
                }
                // Its answer was lost when it was taken.
                (_, Some(token)) => {
                    state.held.insert(duty.clone(), Held { token, until, is_ready: false });
                    drop(state);
                    self.store.fence(&name, Some(token));
                }
                (Some(_), None) => {
                    state.held.remove(duty);
                    drop(state);
                    self.lost(&name);
                }
            }
        }
    }

    async fn take(
        &self,
        membership: &Membership,
        duty: &Duty,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<(), StoreError> {
        let name = duty.to_string();
        let taken = self.store.take_lease(&name, &membership.who, (now, until)).await?;
        if let Some(token) = taken {
            let held = Held { token, until, is_ready: false };
            membership.state().held.insert(duty.clone(), held);
            self.store.fence(&name, Some(token));
            tracing::info!(replica = %self.name, duty = name, token, "took a duty");
        }
        Ok(())
    }

    async fn give_up(
        &self,
        membership: &Membership,
        duty: &Duty,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(held) = membership.state().held.remove(duty) else { return Ok(()) };
        let name = duty.to_string();
        self.store.fence(&name, None);
        tracing::info!(replica = %self.name, duty = name, "gave a duty up for another replica");
        self.store.release_lease(&name, (&membership.who, held.token), now).await
    }

    fn superseded(&self, membership: &Membership) {
        let mut state = membership.state();
        state.is_superseded = true;
        let held = std::mem::take(&mut state.held);
        drop(state);
        for duty in held.keys() {
            self.lost(&duty.to_string());
        }
        tracing::error!(
            replica = %self.name,
            "another process goes by the name of this replica, which does no more; give each its own \
             replica.name"
        );
    }

    fn lost(&self, duty: &str) {
        self.store.fence(duty, None);
        self.metrics.lease_lost.with_label_values::<&str>(&[]).inc();
        tracing::warn!(replica = %self.name, duty, "lost a duty to another replica");
    }

    /// Whether another replica gave a sign of life within a lease of `now`.
    pub async fn has_others(
        store: &crate::store::Store,
        (own, lease): (&str, TimeDelta),
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let replicas = store.replicas().await?;
        Ok(replicas.iter().any(|one| one.name != own && one.seen_at + lease > now))
    }
}
