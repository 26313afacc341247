//! Series and their ledgers, written together with the lake version that they describe.

use chrono::{DateTime, Utc};
use sqlx::{Sqlite, Transaction};

use super::{Store, StoreError, instant};
use crate::market::{Fact, Run, Series, Window};

/// A series as remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRecord {
    pub series: Series,
    pub origin: DateTime<Utc>,
    pub landings: i64,
    pub facts: Vec<Run<Fact>>,
}

/// What a landing changes: every run that touches `window` gives way to `facts`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChange {
    pub series: Series,
    pub origin: DateTime<Utc>,
    pub landings: i64,
    pub window: Window,
    pub facts: Vec<Run<Fact>>,
}

type FactRow = (String, i64, i64, String, i64, i64);

impl Store {
    /// Every series with its facts, ordered by series.
    pub async fn series(&self) -> Result<Vec<SeriesRecord>, StoreError> {
        let series: Vec<(String, i64, i64)> =
            sqlx::query_as("select series, origin_at, landings from series order by series")
                .fetch_all(&self.reader)
                .await?;
        let facts: Vec<FactRow> = sqlx::query_as(
            "select series, start_at, end_at, fact, asks, asked_at from coverage \
             order by series, start_at",
        )
        .fetch_all(&self.reader)
        .await?;
        let mut facts = facts.into_iter().peekable();
        let mut records = Vec::with_capacity(series.len());
        for (name, origin, landings) in series {
            let mut own = Vec::new();
            while let Some(row) = facts.next_if(|row| row.0 == name) {
                own.push(run(row)?);
            }
            let series = name
                .parse()
                .map_err(|_| StoreError::Unreadable { what: "a series", value: name })?;
            records.push(SeriesRecord { series, origin: instant(origin), landings, facts: own });
        }
        Ok(records)
    }

    /// The lake version up to which coverage is told, per table.
    pub async fn lake_version(&self, table: &str) -> Result<Option<u64>, StoreError> {
        let version: Option<i64> =
            sqlx::query_scalar("select version from lake_table where table_name = $1")
                .bind(table)
                .fetch_optional(&self.reader)
                .await?;
        Ok(version.map(i64::cast_unsigned))
    }

    /// Writes the changes, and with them the lake version they bring coverage up to; all or none.
    pub async fn record(
        &self,
        changes: &[SeriesChange],
        lake_version: Option<(&str, u64)>,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin().await?;
        for change in changes {
            upsert_series(&mut tx, change).await?;
            replace_facts(&mut tx, change).await?;
        }
        if let Some((table, version)) = lake_version {
            sqlx::query(
                "insert into lake_table (table_name, version) values ($1, $2) \
                 on conflict (table_name) do update set version = excluded.version",
            )
            .bind(table)
            .bind(version.cast_signed())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets the facts of every series of a timeframe, before they are told anew from the lake.
    pub async fn forget(&self, series: &[Series]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin().await?;
        for series in series {
            sqlx::query("delete from coverage where series = $1")
                .bind(series.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn upsert_series(
    tx: &mut Transaction<'_, Sqlite>,
    change: &SeriesChange,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into series (series, origin_at, landings) values ($1, $2, $3) \
         on conflict (series) do update \
         set origin_at = excluded.origin_at, landings = excluded.landings",
    )
    .bind(change.series.to_string())
    .bind(change.origin.timestamp_micros())
    .bind(change.landings)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn replace_facts(
    tx: &mut Transaction<'_, Sqlite>,
    change: &SeriesChange,
) -> Result<(), StoreError> {
    let series = change.series.to_string();
    sqlx::query("delete from coverage where series = $1 and start_at <= $2 and end_at >= $3")
        .bind(&series)
        .bind(change.window.end.timestamp_micros())
        .bind(change.window.start.timestamp_micros())
        .execute(&mut **tx)
        .await?;
    for run in &change.facts {
        let (fact, asks, asked_at) = columns(run.value);
        sqlx::query(
            "insert into coverage (series, start_at, end_at, fact, asks, asked_at) \
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&series)
        .bind(run.window.start.timestamp_micros())
        .bind(run.window.end.timestamp_micros())
        .bind(fact)
        .bind(asks)
        .bind(asked_at)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

const fn columns(fact: Fact) -> (&'static str, i64, i64) {
    match fact {
        Fact::Final => ("final", 0, 0),
        Fact::NoTrade => ("no_trade", 0, 0),
        Fact::Quarantined { asks, asked_at } => ("quarantined", asks as i64, asked_at),
        Fact::BeforeHistory => ("before_history", 0, 0),
        Fact::Waived => ("waived", 0, 0),
        Fact::Absent { asks, asked_at } => ("absent", asks as i64, asked_at),
    }
}

fn run((_, start, end, fact, asks, asked_at): FactRow) -> Result<Run<Fact>, StoreError> {
    let asks = u8::try_from(asks).unwrap_or(u8::MAX);
    let value = match fact.as_str() {
        "final" => Fact::Final,
        "no_trade" => Fact::NoTrade,
        "quarantined" => Fact::Quarantined { asks, asked_at },
        "before_history" => Fact::BeforeHistory,
        "waived" => Fact::Waived,
        "absent" => Fact::Absent { asks, asked_at },
        _ => return Err(StoreError::Unreadable { what: "a fact", value: fact }),
    };
    Ok(Run { window: Window::new(instant(start), instant(end)), value })
}
