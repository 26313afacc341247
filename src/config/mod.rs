//! Settings: compiled-in defaults, then a file, then the environment; all violations at once.

mod backfill;
mod calendars;
mod cdp_key;
mod feeds;
mod lake;
mod limit;
mod lineage;
mod models;
mod providers;
mod quality;
mod reader;
mod reconcile;
mod replica;
mod server;
mod size;
mod span;
mod sql;
mod store;
mod trading;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::Path,
};

use chrono::{DateTime, TimeDelta, Utc};

pub use self::{
    backfill::BackfillConfig,
    cdp_key::CdpKey,
    feeds::FeedsConfig,
    lake::{LakeConfig, Location, S3Config},
    limit::Limit,
    lineage::LineageConfig,
    models::ModelsConfig,
    providers::{
        AlphaVantageConfig, CoinbaseConfig, HttpConfig, OandaConfig, Plan, PriceSide,
        ProvidersConfig,
    },
    quality::{Expected, QualityConfig},
    reader::{ConfigError, DEFAULTS},
    reconcile::ReconcileConfig,
    replica::ReplicaConfig,
    server::{AuthConfig, AuthMode, ServerConfig, TlsConfig},
    sql::SqlConfig,
    store::{NoStoreUrl, StoreUrl},
    trading::TradingConfig,
};
use self::{reader::Reader, span::Span};
use crate::market::{Calendars, InstrumentId, ProviderId, Timeframe};

/// What the whole program runs by. See `config.toml` for the meaning of each setting.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub auth: AuthConfig,
    pub store_url: StoreUrl,
    pub replica: ReplicaConfig,
    pub lake: LakeConfig,
    pub ingest: IngestConfig,
    pub calendars: Calendars,
    /// In the order of `Timeframe::ALL`.
    pub stale_after: [TimeDelta; 6],
    pub reconcile: ReconcileConfig,
    pub quality: QualityConfig,
    pub backfill: BackfillConfig,
    pub sql: SqlConfig,
    pub models: ModelsConfig,
    pub trading: TradingConfig,
    pub lineage: LineageConfig,
    pub feeds: FeedsConfig,
    pub providers: ProvidersConfig,
    pub clock: ClockConfig,
    pub log: LogConfig,
    /// Every setting as it is in effect, with what is secret covered up.
    pub shown: serde_json::Value,
}

#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// Who is asked, in this order; the first that offers the series and works.
    pub providers: Vec<ProviderId>,
    /// Other orders, for single assets.
    pub providers_of: BTreeMap<InstrumentId, Vec<ProviderId>>,
    pub keep: Keep,
    pub assets: Vec<InstrumentId>,
    pub timeframes: Vec<Timeframe>,
    pub history: TimeDelta,
    pub refetch_candles: i64,
    pub confirmations: u8,
    pub empty_confirmations: u8,
    pub reask_after: TimeDelta,
    pub chunk_candles: i64,
    pub workers: usize,
    pub pages_in_flight: usize,
    pub spread: TimeDelta,
}

/// Whose candles are kept where several providers offer the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those of the first; the others stand in while it fails.
    Preferred,
    /// Everybody's, and they are compared.
    All,
}

#[derive(Debug, Clone, Copy)]
pub struct ClockConfig {
    pub origin: DateTime<Utc>,
    pub speed: f64,
}

#[derive(Debug, Clone)]
pub struct LogConfig {
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

impl Config {
    /// Reads the file, if one is given, and the process environment over the defaults.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let variables = std::env::vars().filter(|(name, _)| name.starts_with("BARKEEP__"));
        Self::from_layers(file, variables.collect())
    }

    /// Like `load`, with the environment as a parameter.
    pub fn from_layers(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let mut read = Reader::open(file, environment.into_iter().collect())?;
        let auth = server::auth(&mut read);
        let server = server::server(&mut read, auth.mode);
        let sql = sql::sql(&mut read, server.request_timeout);
        let models = models::models(&mut read);
        let config = Self {
            server,
            auth,
            store_url: store::store_url(&mut read),
            replica: replica::replica(&mut read),
            lake: lake::lake(&mut read),
            ingest: ingest(&mut read),
            calendars: calendars::calendars(&mut read),
            stale_after: Timeframe::ALL.map(|timeframe| {
                TimeDelta::from(read.get::<Span>(&format!("freshness.stale_after_{timeframe}")))
            }),
            reconcile: reconcile::reconcile(&mut read),
            quality: quality::quality(&mut read),
            backfill: backfill::backfill(&mut read),
            sql,
            models,
            trading: trading::trading(&mut read),
            lineage: lineage::lineage(&mut read),
            feeds: feeds::feeds(&mut read),
            providers: providers::providers(&mut read),
            clock: ClockConfig {
                origin: read.get("clock.origin"),
                speed: read.get_if("clock.speed", "use 1.0 or more", |speed: &f64| *speed >= 1.0),
            },
            log: LogConfig {
                filter: read.get("log.filter"),
                format: read.one_of(
                    "log.format",
                    &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)],
                ),
            },
            shown: serde_json::Value::Null,
        };
        if matches!(config.lake.location, Location::Memory) && !config.store_url.is_memory() {
            let fix = "a lake in memory goes away, and a store that stays would miss it: set store.url \
                       = \"sqlite::memory:\"";
            read.violation("lake.url", fix);
        }
        read.finish().map(|shown| Self { shown, ..config })
    }

    /// How overdue the next candle may be before a series is stale.
    pub fn stale_after(&self, timeframe: Timeframe) -> TimeDelta {
        self.stale_after[timeframe as usize]
    }
}

fn ingest(read: &mut Reader) -> IngestConfig {
    let small = |count: &u8| (1..=20).contains(count);
    let some = |count: &usize| (1..=1_000).contains(count);
    IngestConfig {
        providers: read.get_if("ingest.providers", KNOWN, |order: &Vec<_>| is_order(order)),
        providers_of: providers_of(read),
        keep: read.one_of("ingest.keep", &[("preferred", Keep::Preferred), ("all", Keep::All)]),
        assets: read.get("ingest.assets"),
        timeframes: read.get("ingest.timeframes"),
        history: positive(read, "ingest.history"),
        refetch_candles: read.get_if("ingest.refetch_candles", "use 1 to 200", |candles| {
            (1..=200).contains(candles)
        }),
        confirmations: read.get_if("ingest.confirmations", "use 1 to 20", small),
        empty_confirmations: read.get_if("ingest.empty_confirmations", "use 1 to 20", small),
        reask_after: positive(read, "ingest.reask_after"),
        chunk_candles: read.get_if("ingest.chunk_candles", "use 300 or more", |rows| *rows >= 300),
        workers: read.get_if("ingest.workers", "use 1 to 1000", some),
        pages_in_flight: read.get_if("ingest.pages_in_flight", "use 1 to 1000", some),
        spread: read.get::<Span>("ingest.spread").into(),
    }
}

fn providers_of(read: &mut Reader) -> BTreeMap<InstrumentId, Vec<ProviderId>> {
    let mut orders = BTreeMap::new();
    for (path, asset, names) in read.lists("ingest.providers_of") {
        let providers: Result<Vec<ProviderId>, _> = names.iter().map(|name| name.parse()).collect();
        let providers = providers.unwrap_or_default();
        match asset.parse::<InstrumentId>() {
            Ok(asset) if is_order(&providers) => _ = orders.insert(asset, providers),
            Ok(_) => read.violation(&path, KNOWN),
            Err(error) => read.violation(&path, &error.to_string()),
        }
    }
    orders
}

const KNOWN: &str = "name at least one of alpha_vantage, coinbase and oanda, each once";

fn is_order(providers: &[ProviderId]) -> bool {
    let distinct: BTreeSet<&str> = providers.iter().map(ProviderId::as_str).collect();
    let is_known = |name: &&str| ["alpha_vantage", "coinbase", "oanda"].contains(name);
    !providers.is_empty() && distinct.len() == providers.len() && distinct.iter().all(is_known)
}

fn positive<T: From<Span>>(read: &mut Reader, path: &str) -> T {
    read.get_if(path, "use a duration longer than zero, like 30s", |span: &Span| span.is_positive())
        .into()
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests;
