//! Alpha Vantage: candles of equities, currencies and crypto over REST, by month and by the newest;
//! news and macroeconomic indicators.

mod economy;
mod news;
mod question;
mod refusal;
mod wire;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::question::{Extent, Function};
use super::{Auth, Context, HttpClient, Kept, Lane, Origin, Provider, ProviderError, http::Answer};
use crate::{
    clock::Clock,
    config::{AlphaVantageConfig, Plan},
    market::{
        AssetClass, Calendar, Calendars, Indicator, InstrumentId, Mention, Observation, ProviderId,
        RawBatch, RawItems, Series, Timeframe, Window,
    },
};

/// `GET /query?function=…`. There is no from and to: a request gives the newest 100 candles, the
/// last 30 days, one month of New York, or everything.
#[derive(Debug)]
pub struct AlphaVantage {
    id: ProviderId,
    http: HttpClient,
    url: Url,
    clock: Arc<dyn Clock>,
    key: SecretString,
    plan: Plan,
    symbols: BTreeMap<InstrumentId, String>,
    settle: TimeDelta,
    settle_daily: TimeDelta,
    is_mock: bool,
}

impl AlphaVantage {
    /// `None` without a key; fails only if the TLS roots of the machine cannot be read.
    pub fn open(
        config: &AlphaVantageConfig,
        context: &Context<'_>,
    ) -> Result<Option<Self>, reqwest::Error> {
        let Some(key) = config.api_key.clone() else { return Ok(None) };
        let id = ProviderId::from_static("alpha_vantage");
        let auth = Auth::InQuery(key.clone());
        let http = HttpClient::new(&id, &config.http, auth, context)?;
        let AlphaVantageConfig { plan, settle, settle_daily, is_mock, .. } = *config;
        let (url, clock) = (config.http.url.clone(), context.clock.clone());
        let symbols = config.symbols.clone();
        Ok(Some(Self { id, http, url, clock, key, plan, symbols, settle, settle_daily, is_mock }))
    }

    fn request(
        &self,
        series: &Series,
        window: Window,
        now: DateTime<Utc>,
    ) -> Result<(Url, String), ProviderError> {
        let function = Function::of(series).filter(|_| self.is_in_plan(series.timeframe));
        let function = function.ok_or_else(|| ProviderError::NotOffered {
            provider: self.id.to_string(),
            what: format!("{} candles of {}", series.timeframe, series.instrument),
        })?;
        let known_as = self.symbols.get(&series.instrument).map(String::as_str);
        let symbol = known_as.unwrap_or(series.instrument.as_str());
        let extent = Extent::of(function, series, window, now);
        Ok(self.ask(&function.question(series, symbol, extent)))
    }

    /// The address of a question, and how it is named: without the key.
    fn ask(&self, question: &[(&'static str, String)]) -> (Url, String) {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/query", self.url.path().trim_end_matches('/')));
        url.query_pairs_mut().extend_pairs(question);
        let source = format!("GET /query?{}", url.query().unwrap_or_default());
        url.query_pairs_mut().append_pair("apikey", self.key.expose_secret());
        (url, source)
    }

    /// What articles published in `window` say of an asset, the earliest of them first; where there
    /// are more than one answer holds, it says from when on to ask again.
    pub fn news<'a>(
        &'a self,
        asset: &'a InstrumentId,
        window: Window,
        lane: Lane,
    ) -> BoxFuture<'a, Result<RawItems<Mention>, ProviderError>> {
        Box::pin(async move {
            let (url, source) = self.ask(&news::question(asset, window));
            let read = |answer: Answer| {
                news::read(asset, answer.provenance(&source, self.is_mock), &answer.body)
            };
            self.http.get(&url, lane, read).await
        })
    }

    /// Everything there is of an indicator.
    pub fn observations(
        &self,
        indicator: Indicator,
        lane: Lane,
    ) -> BoxFuture<'_, Result<RawItems<Observation>, ProviderError>> {
        Box::pin(async move {
            let (url, source) = self.ask(&economy::question(indicator));
            let read = |answer: Answer| {
                economy::read(indicator, answer.provenance(&source, self.is_mock), &answer.body)
            };
            self.http.get(&url, lane, read).await
        })
    }

    fn is_in_plan(&self, timeframe: Timeframe) -> bool {
        self.plan == Plan::Premium || timeframe == Timeframe::D1
    }
}

impl Provider for AlphaVantage {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn client(&self) -> &HttpClient {
        &self.http
    }

    /// Hours of equities are made of quarters: a session begins at half past nine, and what the
    /// provider calls an hour need not be one of the clock.
    fn offers(&self, series: &Series) -> Option<Origin> {
        if !self.is_in_plan(series.timeframe) {
            return None;
        }
        let from = match (series.instrument.asset_class(), series.timeframe) {
            (_, Timeframe::H4) => Timeframe::H1,
            (AssetClass::Equity, Timeframe::H1) => Timeframe::M15,
            _ => return Some(Origin::Native),
        };
        Some(Origin::Derived { from })
    }

    /// Its FX days are Monday to Friday.
    fn calendar(&self, series: &Series, calendars: Calendars) -> Calendar {
        match (series.instrument.asset_class(), series.timeframe) {
            (AssetClass::Fx, Timeframe::D1) => calendars.fx_dates,
            (class, _) => calendars.of(class),
        }
    }

    fn settle(&self, series: &Series) -> TimeDelta {
        match series.timeframe {
            Timeframe::D1 => self.settle_daily,
            _ => self.settle,
        }
    }

    fn page_candles(&self, series: &Series) -> i64 {
        question::newest_candles(series, self.plan)
    }

    fn piece_end(
        &self,
        series: &Series,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> DateTime<Utc> {
        question::piece_end(series, start, end)
    }

    fn pages(&self, series: &Series, wanted: &[Window]) -> Vec<Window> {
        question::pages(series, wanted, self.clock.now())
    }

    fn reaches_back_to(&self, series: &Series, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        question::reaches_back_to(series, self.plan, now)
    }

    fn fetch<'a>(
        &'a self,
        series: &'a Series,
        window: Window,
        lane: Lane,
    ) -> BoxFuture<'a, Result<RawBatch, ProviderError>> {
        Box::pin(async move {
            let (url, source) = self.request(series, window, self.clock.now())?;
            let read = |answer: Answer| {
                let provenance = answer.provenance(&source, self.is_mock);
                wire::read(series, window, provenance, &answer.body)
            };
            self.http.get(&url, lane, read).await
        })
    }

    fn reread(&self, kept: &Kept) -> Result<RawBatch, ProviderError> {
        let (before, after) = wire::around(&kept.series, &kept.raw);
        let answer = kept.answer(&before, after);
        wire::read(&kept.series, Kept::WINDOW, kept.provenance(self.is_mock), &answer)
    }
}
