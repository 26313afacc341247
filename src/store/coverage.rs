//! Series and their ledgers, written together with the lake version that they describe.

use chrono::{DateTime, Utc};

use super::{
    AuditEntry, Store, StoreError, instant,
    statement::{Statement, sql},
};
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
        let series =
            sql("select series, origin_at, landings from series order by series collate \"C\"");
        let series: Vec<(String, i64, i64)> = self.engine.read(series).await?;
        let facts = sql("select series, start_at, end_at, fact, asks, asked_at from coverage \
             order by series collate \"C\", start_at");
        let facts: Vec<FactRow> = self.engine.read(facts).await?;
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
        let version = sql("select version from lake_table where table_name = $1").bind(table);
        let version: Option<(i64,)> = self.engine.read_one(version).await?;
        Ok(version.map(|(version,)| version.cast_unsigned()))
    }

    /// Writes the changes, and with them the lake version they bring coverage up to; all or none.
    pub async fn record(
        &self,
        changes: &[SeriesChange],
        lake_version: Option<(&str, u64)>,
    ) -> Result<(), StoreError> {
        let mut statements = told(changes);
        if let Some((table, version)) = lake_version {
            let reached = sql("insert into lake_table (table_name, version) values ($1, $2) \
                 on conflict (table_name) do update set version = excluded.version");
            statements.push(reached.bind(table).bind(version.cast_signed()));
        }
        self.engine.write(&statements).await
    }

    /// Writes a change that somebody has ordered, and who it was.
    pub async fn record_ordered(
        &self,
        change: &SeriesChange,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut statements = told(std::slice::from_ref(change));
        statements.push(entry.statement());
        self.engine.write(&statements).await
    }

    /// Forgets the facts of every series of a timeframe, and how often it has landed, before they
    /// are told anew from the lake.
    pub async fn forget(&self, series: &[Series]) -> Result<(), StoreError> {
        let forget = |series: &Series| {
            let facts = sql("delete from coverage where series = $1");
            let landings = sql("update series set landings = 0 where series = $1");
            [facts, landings].map(|statement| statement.bind(series.to_string()))
        };
        self.engine.write(&series.iter().flat_map(forget).collect::<Vec<_>>()).await
    }
}

fn told(changes: &[SeriesChange]) -> Vec<Statement> {
    let mut statements = Vec::new();
    for change in changes {
        statements.push(upsert_series(change));
        replace_facts(change, &mut statements);
    }
    statements
}

/// What was made out before a landing and is written after it does not count it.
fn upsert_series(change: &SeriesChange) -> Statement {
    sql("insert into series (series, origin_at, landings) values ($1, $2, $3) \
         on conflict (series) do update \
         set origin_at = excluded.origin_at, \
         landings = case when excluded.landings > series.landings \
         then excluded.landings else series.landings end")
    .bind(change.series.to_string())
    .bind(change.origin.timestamp_micros())
    .bind(change.landings)
}

fn replace_facts(change: &SeriesChange, statements: &mut Vec<Statement>) {
    let series = change.series.to_string();
    let forget = "delete from coverage where series = $1 and start_at <= $2 and end_at >= $3";
    statements.push(
        sql(forget)
            .bind(&*series)
            .bind(change.window.end.timestamp_micros())
            .bind(change.window.start.timestamp_micros()),
    );
    for run in &change.facts {
        let (fact, asks, asked_at) = columns(run.value);
        let tell = "insert into coverage (series, start_at, end_at, fact, asks, asked_at) \
                    values ($1, $2, $3, $4, $5, $6)";
        statements.push(
            sql(tell)
                .bind(&*series)
                .bind(run.window.start.timestamp_micros())
                .bind(run.window.end.timestamp_micros())
                .bind(fact)
                .bind(asks)
                .bind(asked_at),
        );
    }
}

const fn columns(fact: Fact) -> (&'static str, i64, i64) {
    match fact {
        Fact::Final => ("final", 0, 0),
        Fact::NoTrade => ("no_trade", 0, 0),
        Fact::Quarantined { asks, asked_at } => ("quarantined", asks as i64, asked_at),
        Fact::BeforeHistory => ("before_history", 0, 0),
        Fact::Waived => ("waived", 0, 0),
        Fact::Absent { asks, asked_at } => ("absent", asks as i64, asked_at),
        Fact::Doubted { asks, asked_at } => ("doubted", asks as i64, asked_at),
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
        "doubted" => Fact::Doubted { asks, asked_at },
        _ => return Err(StoreError::Unreadable { what: "a fact", value: fact }),
    };
    Ok(Run { window: Window::new(instant(start), instant(end)), value })
}
