//! The daemons that share this store, and the lake that it belongs to.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Incarnation, Store, StoreError, instant, statement::sql};

/// A daemon as it last reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRecord {
    pub name: String,
    pub incarnation: i64,
    pub address: String,
    pub version: String,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Row {
    name: String,
    incarnation: i64,
    address: String,
    version: String,
    started_at: i64,
    seen_at: i64,
}

impl Store {
    /// Every replica that has ever been, ordered by name.
    pub async fn replicas(&self) -> Result<Vec<ReplicaRecord>, StoreError> {
        let replicas = sql("select name, incarnation, address, version, started_at, seen_at \
             from replica order by name collate \"C\"");
        let rows: Vec<Row> = self.engine.read(replicas).await?;
        let read = |row: Row| ReplicaRecord {
            name: row.name,
            incarnation: row.incarnation,
            address: row.address,
            version: row.version,
            started_at: instant(row.started_at),
            seen_at: instant(row.seen_at),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Announces a process of a replica. From now on it is the one that is meant by the name.
    pub async fn join(
        &self,
        name: &str,
        (address, version): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<Incarnation, StoreError> {
        let join = sql("insert into replica \
             (name, incarnation, address, version, started_at, seen_at) \
             values ($1, 1, $2, $3, $4, $4) on conflict (name) do update \
             set incarnation = replica.incarnation + 1, address = excluded.address, \
             version = excluded.version, started_at = excluded.started_at, \
             seen_at = excluded.seen_at returning incarnation")
        .bind(name)
        .bind(address)
        .bind(version)
        .bind(now.timestamp_micros());
        let rows: Vec<(i64,)> = self.engine.change(join).await?;
        let number = rows.first().map_or(1, |(number,)| *number);
        Ok(Incarnation { name: name.to_owned(), number })
    }

    /// Gives a sign of life. Fails with `MovedOn` if a later process goes by the same name.
    pub async fn seen(&self, who: &Incarnation, at: DateTime<Utc>) -> Result<(), StoreError> {
        let seen = sql("update replica set seen_at = $3 where name = $1 and incarnation = $2")
            .bind(&*who.name)
            .bind(who.number)
            .bind(at.timestamp_micros())
            .or_moved_on("the process behind the name of this replica");
        self.engine.write(&[seen]).await
    }

    /// Gives up everything, so that others need not wait.
    pub async fn leave(&self, who: &Incarnation, at: DateTime<Utc>) -> Result<(), StoreError> {
        let gone = sql("update replica set seen_at = 0 where name = $1 and incarnation = $2")
            .bind(&*who.name)
            .bind(who.number);
        let free = sql("update lease set holder = '', until_at = $3 \
             where holder = $1 and incarnation = $2")
        .bind(&*who.name)
        .bind(who.number)
        .bind(at.timestamp_micros());
        self.engine.write(&[gone, free]).await
    }

    /// The name by which the lake knows this store; `new` if it has none yet.
    pub async fn identity(&self, new: &str) -> Result<String, StoreError> {
        let name = sql("insert into lake_identity (singleton, store_id, lake_id) \
             values (1, $1, '') on conflict (singleton) do nothing")
        .bind(new);
        self.engine.write(&[name]).await?;
        let named = sql("select store_id from lake_identity where singleton = 1");
        let named: Option<(String,)> = self.engine.read_one(named).await?;
        Ok(named.map_or_else(|| new.to_owned(), |(name,)| name))
    }

    /// The lake this store belongs to; `None` before the first start.
    pub async fn lake_id(&self) -> Result<Option<String>, StoreError> {
        let lake = sql("select lake_id from lake_identity where singleton = 1 and lake_id <> ''");
        let lake: Option<(String,)> = self.engine.read_one(lake).await?;
        Ok(lake.map(|(lake,)| lake))
    }

    /// Makes the store belong to another lake than `former`. Fails with `MovedOn` if it does not
    /// belong to that one.
    pub async fn adopt_lake(&self, former: Option<&str>, lake: &str) -> Result<(), StoreError> {
        let adopt =
            sql("update lake_identity set lake_id = $2 where singleton = 1 and lake_id = $1")
                .bind(former.unwrap_or(""))
                .bind(lake)
                .or_moved_on("the lake of this store");
        self.engine.write(&[adopt]).await
    }
}
