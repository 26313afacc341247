//! Which assets are kept, in which timeframes, asked of whom; and a number that grows with every
//! change.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    AuditEntry, Store, StoreError, instant,
    statement::{Statement, sql},
};
use crate::market::{InstrumentId, ProviderId, Timeframe};

/// What is kept of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAsset {
    pub asset: InstrumentId,
    /// Finest first.
    pub timeframes: Vec<Timeframe>,
    /// Who is asked, most preferred first; `None` follows the settings.
    pub providers: Option<Vec<ProviderId>>,
    pub enabled: bool,
    /// Nobody keeps it any more, whatever the settings say.
    pub removed: bool,
    pub source: Source,
    pub changed_at: DateTime<Utc>,
    pub changed_by: String,
    pub reason: Option<String>,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The settings, as nobody has said otherwise.
    Config,
    Api,
}

impl Source {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Api => "api",
        }
    }
}

#[derive(FromRow)]
struct Row {
    asset: String,
    timeframes: String,
    providers: Option<String>,
    enabled: i64,
    removed: i64,
    source: String,
    changed_at: i64,
    changed_by: String,
    reason: Option<String>,
}

impl Store {
    /// Grows with every change of what is kept and of the schedules.
    pub async fn roster_revision(&self) -> Result<i64, StoreError> {
        let revision: Option<(i64,)> =
            self.engine.read_one(sql("select revision from roster_revision")).await?;
        Ok(revision.map_or(0, |(revision,)| revision))
    }

    /// Every asset that was ever kept, by name; also those that were removed.
    pub async fn kept_assets(&self) -> Result<Vec<KeptAsset>, StoreError> {
        let kept =
            sql("select asset, timeframes, providers, enabled, removed, source, changed_at, \
             changed_by, reason from kept_asset order by asset collate \"C\"");
        let rows: Vec<Row> = self.engine.read(kept).await?;
        rows.into_iter().map(read).collect()
    }

    /// Brings in what the settings say of assets of which nobody has said otherwise.
    pub async fn seed_assets(&self, seeds: &[KeptAsset]) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        for seed in seeds {
            let seeded = sql("insert into kept_asset \
                 (asset, timeframes, providers, enabled, removed, source, changed_at, changed_by, \
                 reason) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 on conflict (asset) do update set timeframes = excluded.timeframes, \
                 providers = excluded.providers, changed_at = excluded.changed_at \
                 where kept_asset.source = 'config' \
                 and (kept_asset.timeframes <> excluded.timeframes \
                 or kept_asset.providers is distinct from excluded.providers)");
            statements.extend([bound(seeded, seed), revised().if_changed()]);
        }
        self.engine.write(&statements).await
    }

    /// Keeps an asset as told; what is so already stays untouched, with its time and its reason.
    pub async fn keep_asset(&self, kept: &KeptAsset, audit: &AuditEntry) -> Result<(), StoreError> {
        let told = sql("insert into kept_asset \
             (asset, timeframes, providers, enabled, removed, source, changed_at, changed_by, \
             reason) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             on conflict (asset) do update set timeframes = excluded.timeframes, \
             providers = excluded.providers, enabled = excluded.enabled, \
             removed = excluded.removed, source = excluded.source, \
             changed_at = excluded.changed_at, changed_by = excluded.changed_by, \
             reason = excluded.reason \
             where kept_asset.timeframes <> excluded.timeframes \
             or kept_asset.providers is distinct from excluded.providers \
             or kept_asset.enabled <> excluded.enabled \
             or kept_asset.removed <> excluded.removed");
        let statements =
            [bound(told, kept), revised().if_changed(), audit.statement().if_changed()];
        self.engine.write(&statements).await
    }

    /// Stops keeping an asset. Its candles stay, and so does the row that says so.
    pub async fn remove_asset(
        &self,
        asset: &InstrumentId,
        reason: Option<&str>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let removed = sql("update kept_asset set removed = 1, enabled = 0, source = 'api', \
             changed_at = $2, changed_by = $3, reason = $4 where asset = $1 and removed = 0")
        .bind(asset.as_str())
        .bind(audit.at.timestamp_micros())
        .bind(&*audit.by.actor)
        .bind(reason);
        let statements = [removed, revised().if_changed(), audit.statement().if_changed()];
        self.engine.write(&statements).await
    }
}

/// Tells the others that there is something to read.
pub(super) fn revised() -> Statement {
    sql("update roster_revision set revision = revision + 1")
}

fn bound(statement: Statement, kept: &KeptAsset) -> Statement {
    let timeframes: Vec<&str> = kept.timeframes.iter().map(|one| one.as_str()).collect();
    let providers = kept
        .providers
        .as_ref()
        .map(|order| order.iter().map(ProviderId::as_str).collect::<Vec<_>>().join(","));
    statement
        .bind(kept.asset.as_str())
        .bind(timeframes.join(","))
        .bind(providers.as_deref())
        .bind(i64::from(kept.enabled))
        .bind(i64::from(kept.removed))
        .bind(kept.source.as_str())
        .bind(kept.changed_at.timestamp_micros())
        .bind(&*kept.changed_by)
        .bind(kept.reason.as_deref())
}

fn read(row: Row) -> Result<KeptAsset, StoreError> {
    let unreadable =
        |value: &str| StoreError::Unreadable { what: "a kept asset", value: value.to_owned() };
    let timeframes: Result<_, _> = row.timeframes.split(',').map(str::parse).collect();
    let providers = row
        .providers
        .as_deref()
        .map(|order| order.split(',').map(str::parse).collect::<Result<Vec<ProviderId>, _>>());
    let source = [Source::Config, Source::Api].into_iter().find(|one| one.as_str() == row.source);
    Ok(KeptAsset {
        asset: row.asset.parse().map_err(|_| unreadable(&row.asset))?,
        timeframes: timeframes.map_err(|_| unreadable(&row.timeframes))?,
        providers: providers.transpose().map_err(|_| unreadable(&row.asset))?,
        enabled: row.enabled != 0,
        removed: row.removed != 0,
        source: source.ok_or_else(|| unreadable(&row.source))?,
        changed_at: instant(row.changed_at),
        changed_by: row.changed_by,
        reason: row.reason,
    })
}
