//! Leases on duties: at most one replica has one at a time, and its token tells it from whoever had
//! it before.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, instant, statement::sql};

/// One process of a replica: of two with the same name, the later one has the higher number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation {
    pub name: String,
    pub number: i64,
}

/// A duty as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    pub duty: String,
    /// Who has it, or had it last before it ran out; empty after it was given up.
    pub holder: String,
    pub incarnation: i64,
    pub until: DateTime<Utc>,
    pub token: i64,
}

impl LeaseRecord {
    /// Whether it may be taken by anyone.
    pub fn is_free(&self, now: DateTime<Utc>) -> bool {
        self.until <= now
    }
}

type Row = (String, String, i64, i64, i64);

impl Store {
    /// Every lease there has been, ordered by duty.
    pub async fn leases(&self) -> Result<Vec<LeaseRecord>, StoreError> {
        let leases = sql("select name, holder, incarnation, until_at, token from lease \
             order by name collate \"C\"");
        let rows: Vec<Row> = self.engine.read(leases).await?;
        let read = |(duty, holder, incarnation, until, token): Row| {
            let until = instant(until);
            LeaseRecord { duty, holder, incarnation, until, token }
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Takes a duty that is free at `now`, or that an earlier process of the same replica has; the
    /// token, or `None` if somebody else has it.
    pub async fn take_lease(
        &self,
        duty: &str,
        by: &Incarnation,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Option<i64>, StoreError> {
        let take = sql("insert into lease (name, holder, incarnation, until_at, token) \
             values ($1, $2, $3, $4, 1) on conflict (name) do update \
             set holder = excluded.holder, incarnation = excluded.incarnation, \
             until_at = excluded.until_at, token = lease.token + 1 \
             where lease.until_at <= $5 or (lease.holder = excluded.holder \
             and lease.incarnation <= excluded.incarnation) \
             returning token")
        .bind(duty)
        .bind(&*by.name)
        .bind(by.number)
        .bind(until.timestamp_micros())
        .bind(now.timestamp_micros());
        let taken: Vec<(i64,)> = self.engine.change(take).await?;
        Ok(taken.first().map(|(token,)| *token))
    }

    /// Prolongs everything that a process still has, also what has run out and nobody took; tells
    /// what that is: duties and tokens.
    pub async fn renew_leases(
        &self,
        by: &Incarnation,
        until: DateTime<Utc>,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let renew = sql("update lease set until_at = $3 \
             where holder = $1 and incarnation = $2 returning name, token")
        .bind(&*by.name)
        .bind(by.number)
        .bind(until.timestamp_micros());
        self.engine.change(renew).await
    }

    /// Gives a duty up, so that it is free at once; nothing happens if it is somebody else's.
    pub async fn release_lease(
        &self,
        duty: &str,
        (by, token): (&Incarnation, i64),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let release = sql("update lease set holder = '', until_at = $4 \
             where name = $1 and holder = $2 and token = $3")
        .bind(duty)
        .bind(&*by.name)
        .bind(token)
        .bind(now.timestamp_micros());
        self.engine.write(&[release]).await
    }

    /// How much was written under each lease, ordered by duty.
    pub async fn counts_of_leases(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.engine.read(sql("select name, told from lease order by name collate \"C\"")).await
    }
}
