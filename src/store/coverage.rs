//! Series and their ledgers, written together with the lake version that they describe.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    AuditEntry, Store, StoreError, duty_of, instant,
    statement::{Statement, sql},
};
use crate::market::{Fact, ProviderId, Run, Series, Window};

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

/// Up to which version of a table the store was told what landed.
#[derive(Debug, Clone)]
pub struct LandedVersions {
    table: String,
    own: BTreeMap<String, u64>,
    /// Of the time before providers had their own.
    common: Option<u64>,
}

impl LandedVersions {
    pub fn of(&self, provider: &ProviderId) -> Option<u64> {
        self.own.get(&landed_of(&self.table, provider)).copied().or(self.of_others())
    }

    /// Of a provider of which nothing was ever told: it has landed nothing before that was told of
    /// the others.
    pub fn of_others(&self) -> Option<u64> {
        self.own.values().min().copied().or(self.common)
    }
}

type FactRow = (String, i64, i64, String, i64, i64);

impl Store {
    /// Every series with its facts, ordered by series.
    pub async fn series(&self) -> Result<Vec<SeriesRecord>, StoreError> {
        self.series_between(("", "{"), -1).await
    }

    /// The series of a provider that have changed since its lease had counted up to `told`; all of
    /// them since before 0.
    pub async fn series_of(
        &self,
        provider: &ProviderId,
        told: i64,
    ) -> Result<Vec<SeriesRecord>, StoreError> {
        // After the slash comes the zero.
        let (from, until) = (format!("{provider}/"), format!("{provider}0"));
        self.series_between((&from, &until), told).await
    }

    /// One series; `None` if it is not kept.
    pub async fn series_named(&self, series: &Series) -> Result<Option<SeriesRecord>, StoreError> {
        // After the name alone comes the name with a space.
        let (from, until) = (series.to_string(), format!("{series} "));
        Ok(self.series_between((&from, &until), -1).await?.pop())
    }

    async fn series_between(
        &self,
        (from, until): (&str, &str),
        told: i64,
    ) -> Result<Vec<SeriesRecord>, StoreError> {
        let series = sql("select series, origin_at, landings from series \
             where series collate \"C\" >= $1 and series collate \"C\" < $2 and told > $3 \
             order by series collate \"C\"");
        let series = series.bind(from).bind(until).bind(told);
        let series: Vec<(String, i64, i64)> = self.engine.read(series).await?;
        let facts = sql("select series, start_at, end_at, fact, asks, asked_at from coverage \
             where series in (select series from series where series collate \"C\" >= $1 \
             and series collate \"C\" < $2 and told > $3) \
             order by series collate \"C\", start_at");
        let facts: Vec<FactRow> = self.engine.read(facts.bind(from).bind(until).bind(told)).await?;
        let mut facts = facts.into_iter().peekable();
        let mut records = Vec::with_capacity(series.len());
        for (name, origin, landings) in series {
            let mut own = Vec::new();
            // A series that has changed since the first answer waits for the next time.
            while facts.next_if(|row| row.0 < name).is_some() {}
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
        let mut statements = self.telling(changes, [].into_iter())?;
        if let Some((table, version)) = lake_version {
            statements.push(reached(table, version));
        }
        self.write_guarded(&statements).await
    }

    /// Like `record`, with the version of a table of candles up to which everything of `providers`
    /// that landed is told. Each has a version of its own: whoever answers for one of them knows
    /// nothing of what another replica has landed, and not yet told, of the others.
    pub async fn record_landed(
        &self,
        changes: &[SeriesChange],
        (table, version): (&str, u64),
        providers: &BTreeSet<ProviderId>,
    ) -> Result<(), StoreError> {
        let mut statements = self.telling(changes, providers.iter())?;
        let of = |provider: &ProviderId| reached(&landed_of(table, provider), version);
        statements.extend(providers.iter().map(of));
        self.write_guarded(&statements).await
    }

    /// The lake versions up to which the landings of each provider in a table are told.
    pub async fn landed_versions(&self, table: &str) -> Result<LandedVersions, StoreError> {
        let versions = sql("select table_name, version from lake_table \
             where table_name collate \"C\" > $1 and table_name collate \"C\" < $2");
        let versions = versions.bind(format!("{table}/")).bind(format!("{table}0"));
        let rows: Vec<(String, i64)> = self.engine.read(versions).await?;
        let own = rows.into_iter().map(|(name, version)| (name, version.cast_unsigned()));
        let (table, common) = (table.to_owned(), self.lake_version(table).await?);
        Ok(LandedVersions { table, own: own.collect(), common })
    }

    /// Writes a change that somebody has ordered, and who it was.
    pub async fn record_ordered(
        &self,
        change: &SeriesChange,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut statements = self.telling(std::slice::from_ref(change), [].into_iter())?;
        statements.push(entry.statement());
        self.write_guarded(&statements).await
    }

    /// Forgets the facts of every series of a timeframe, and how often it has landed, before they
    /// are told anew from the lake.
    pub async fn forget(&self, series: &[Series]) -> Result<(), StoreError> {
        let providers: BTreeSet<_> = series.iter().map(|series| &series.provider).collect();
        let mut statements = self.guards(providers.into_iter())?;
        let forget = |series: &Series| {
            let facts = sql("delete from coverage where series = $1");
            let landings = sql("update series set landings = 0 where series = $1");
            [facts, landings].map(|statement| statement.bind(series.to_string()))
        };
        statements.extend(series.iter().flat_map(forget));
        self.write_guarded(&statements).await
    }

    /// The changes, and before them what must hold for their providers and for `others`.
    fn telling<'a>(
        &self,
        changes: &'a [SeriesChange],
        others: impl Iterator<Item = &'a ProviderId>,
    ) -> Result<Vec<Statement>, StoreError> {
        let concerned = changes.iter().map(|change| &change.series.provider).chain(others);
        let mut statements = self.guards(concerned.collect::<BTreeSet<_>>().into_iter())?;
        for change in changes {
            statements.push(upsert_series(change));
            replace_facts(change, &mut statements);
        }
        Ok(statements)
    }

    fn guards<'a>(
        &self,
        providers: impl Iterator<Item = &'a ProviderId>,
    ) -> Result<Vec<Statement>, StoreError> {
        providers.filter_map(|provider| self.guard(provider).transpose()).collect()
    }
}

fn landed_of(table: &str, provider: &ProviderId) -> String {
    format!("{table}/{provider}")
}

fn reached(table: &str, version: u64) -> Statement {
    sql("insert into lake_table (table_name, version) values ($1, $2) \
         on conflict (table_name) do update set version = excluded.version")
    .bind(table)
    .bind(version.cast_signed())
}

/// With the count of the lease it is written under, by which those who follow find it. What was made
/// out before a landing and is written after it does not count it.
fn upsert_series(change: &SeriesChange) -> Statement {
    sql("insert into series (series, origin_at, landings, told) \
         values ($1, $2, $3, coalesce((select told from lease where name = $4), 0)) \
         on conflict (series) do update set origin_at = excluded.origin_at, \
         landings = case when excluded.landings > series.landings \
         then excluded.landings else series.landings end, told = excluded.told")
    .bind(change.series.to_string())
    .bind(change.origin.timestamp_micros())
    .bind(change.landings)
    .bind(duty_of(&change.series.provider))
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
