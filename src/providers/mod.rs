//! The outside world, spoken to in its own words; symbols are translated here and nowhere else.
#![doc = include_str!("decisions.md")]

mod alpha_vantage;
mod breaker;
mod budget;
mod cdp;
pub mod coinbase;
pub mod doctor;
mod error;
mod http;
mod kept;
mod oanda;
mod object;
mod pages;

use std::{collections::BTreeMap, fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

pub use self::{
    alpha_vantage::AlphaVantage,
    breaker::Circuit,
    budget::{Budget, BudgetState, Exhausted, Lane, SpendLog, Spent},
    coinbase::Coinbase,
    error::ProviderError,
    http::{Auth, Context, HttpClient},
    kept::Kept,
    oanda::Oanda,
    pages::pages,
};
use crate::{
    config::ProvidersConfig,
    market::{Calendar, Calendars, ProviderId, RawBatch, Series, Timeframe, Window},
};

/// Where the candles of a timeframe come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The provider has them.
    Native,
    /// Barkeep aggregates them from the provider's candles of a finer timeframe.
    Derived { from: Timeframe },
}

/// Somebody who answers questions about candles.
pub trait Provider: Send + Sync + fmt::Debug {
    fn id(&self) -> &ProviderId;

    /// How the provider is spoken to: its budget, its circuit, its clock.
    fn client(&self) -> &HttpClient;

    /// How candles of the series can be had from here; `None` if not at all.
    fn offers(&self, series: &Series) -> Option<Origin>;

    /// When it has candles of the series, where `calendars` are what their markets keep.
    fn calendar(&self, series: &Series, calendars: Calendars) -> Calendar {
        calendars.of(series.instrument.asset_class())
    }

    /// How long after its close a candle may still change.
    fn settle(&self, series: &Series) -> TimeDelta;

    /// Candles that one request gives for certain, counted back from now.
    fn page_candles(&self, series: &Series) -> i64;

    /// The fewest requests that ask for every candle of `wanted` (aligned, disjoint, oldest first),
    /// as one window each.
    fn pages(&self, series: &Series, wanted: &[Window]) -> Vec<Window> {
        pages(wanted, series.timeframe, self.page_candles(series))
    }

    /// Where a piece of history that begins at `start` best ends, near `end`: where one answer ends,
    /// or the next piece would ask for the same answer again.
    fn piece_end(
        &self,
        _series: &Series,
        _start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> DateTime<Utc> {
        end
    }

    /// Nothing older is to be had at `now`; `None` if it is for the provider's answers to tell.
    fn reaches_back_to(&self, _series: &Series, _now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        None
    }

    /// Asks for the candles of one window of `pages`, retrying what may succeed later.
    fn fetch<'a>(
        &'a self,
        series: &'a Series,
        window: Window,
        lane: Lane,
    ) -> BoxFuture<'a, Result<RawBatch, ProviderError>>;

    /// Reads what was kept of an answer once more. Nobody is asked.
    fn reread(&self, kept: &Kept) -> Result<RawBatch, ProviderError>;
}

/// Every provider that can be asked: those whose credentials are there.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    asked: Arc<BTreeMap<ProviderId, Arc<dyn Provider>>>,
    lacking: Arc<BTreeMap<ProviderId, &'static str>>,
    feeds: Option<Arc<AlphaVantage>>,
}

impl Providers {
    /// Fails only if the TLS roots of the machine cannot be read.
    pub fn open(config: &ProvidersConfig, context: &Context<'_>) -> Result<Self, reqwest::Error> {
        let coinbase = Coinbase::open(&config.coinbase, context)?;
        let mut all: Vec<Arc<dyn Provider>> = vec![Arc::new(coinbase)];
        let mut lacking = BTreeMap::new();
        match Oanda::open(&config.oanda, context)? {
            Some(oanda) => all.push(Arc::new(oanda)),
            None => _ = lacking.insert(ProviderId::from_static("oanda"), "token"),
        }
        let feeds = AlphaVantage::open(&config.alpha_vantage, context)?.map(Arc::new);
        match &feeds {
            Some(one) => all.push(one.clone()),
            None => _ = lacking.insert(ProviderId::from_static("alpha_vantage"), "api_key"),
        }
        let asked = all.into_iter().map(|one| (one.id().clone(), one)).collect();
        Ok(Self { asked: Arc::new(asked), lacking: Arc::new(lacking), feeds })
    }

    pub fn get(&self, id: &ProviderId) -> Option<&Arc<dyn Provider>> {
        self.asked.get(id)
    }

    /// Those that are not asked, and the setting that they need.
    pub fn lacking(&self) -> impl Iterator<Item = (&ProviderId, &'static str)> {
        self.lacking.iter().map(|(id, setting)| (id, *setting))
    }

    /// Who has news and macroeconomic indicators; `None` without a key.
    pub fn feeds(&self) -> Option<&Arc<AlphaVantage>> {
        self.feeds.as_ref()
    }

    /// When candles of the series are expected from its provider, or from whoever it was imported.
    pub fn calendar(&self, series: &Series, calendars: Calendars) -> Calendar {
        match self.get(&series.provider) {
            Some(provider) => provider.calendar(series, calendars),
            None => calendars.of(series.instrument.asset_class()),
        }
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.asked.values()
    }

    /// How candles of the series can be had from its provider; `None` for imported series.
    pub fn offer(&self, series: &Series) -> Option<Origin> {
        self.get(&series.provider)?.offers(series)
    }
}
