//! Oanda v20: candles of currencies and metals over REST.

mod wire;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::future::BoxFuture;
use url::Url;

use super::{Auth, Context, HttpClient, Kept, Lane, Origin, Provider, ProviderError, http::Answer};
use crate::{
    clock::Clock,
    config::{OandaConfig, PriceSide},
    market::{AssetClass, InstrumentId, ProviderId, RawBatch, Series, Window},
};

/// `GET /v3/instruments/{instrument}/candles`. `from` and `to` bound open times, and a span of more
/// than 5,000 candles is refused whether or not they exist.
///
/// Volume is the number of price updates, not a size.
#[derive(Debug)]
pub struct Oanda {
    id: ProviderId,
    http: HttpClient,
    url: Url,
    clock: Arc<dyn Clock>,
    settle: TimeDelta,
    price: PriceSide,
    is_mock: bool,
}

const PAGE: i64 = 5_000;

/// A `to` in Oanda's future is refused, and its clock is known to a second or two.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(5);

impl Oanda {
    /// `None` without a token; fails only if the TLS roots of the machine cannot be read.
    pub fn open(
        config: &OandaConfig,
        context: &Context<'_>,
    ) -> Result<Option<Self>, reqwest::Error> {
        let Some(token) = config.token.clone() else { return Ok(None) };
        let id = ProviderId::from_static("oanda");
        let http = HttpClient::new(&id, &config.http, Auth::Bearer(token), context)?;
        let OandaConfig { settle, price, is_mock, .. } = *config;
        let (url, clock) = (config.http.url.clone(), context.clock.clone());
        Ok(Some(Self { id, http, url, clock, settle, price, is_mock }))
    }

    /// Days and 4h candles are asked for by the UTC day; Oanda's own begin at 17:00 in New York.
    fn request(&self, series: &Series, window: Window) -> Result<(Url, String), ProviderError> {
        let lacks = || ProviderError::NotOffered {
            provider: self.id.to_string(),
            what: series.instrument.to_string(),
        };
        let instrument = instrument(&series.instrument).ok_or_else(lacks)?;
        let granularity = wire::granularity(series.timeframe);
        let price = wire::price_letter(self.price);
        let their_time = self.clock.now() + self.http.skew().unwrap_or_default();
        let latest = their_time - CLOCK_MARGIN;
        // Open times up to and including `to` are given, and the candle at `end` is not wanted.
        let to = (window.end - TimeDelta::seconds(1)).min(latest).max(window.start);
        let mut url = self.url.clone();
        let path = format!("/v3/instruments/{instrument}/candles");
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("granularity", granularity)
            .append_pair("price", price)
            .append_pair("from", &text(window.start))
            .append_pair("to", &text(to))
            .append_pair("includeFirst", "true")
            .append_pair("smooth", "false")
            .append_pair("dailyAlignment", "0")
            .append_pair("alignmentTimezone", "UTC");
        let source = format!(
            "GET {path}?granularity={granularity}&price={price}&dailyAlignment=0&\
             alignmentTimezone=UTC"
        );
        Ok((url, source))
    }

    async fn ask(
        &self,
        series: &Series,
        window: Window,
        lane: Lane,
    ) -> Result<RawBatch, ProviderError> {
        let (url, source) = self.request(series, window)?;
        let read = |answer: Answer| {
            let provenance = answer.provenance(&source, self.is_mock);
            wire::read(series, window, provenance, self.price, answer.body)
        };
        self.http.get(&url, lane, read).await
    }
}

impl Provider for Oanda {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn client(&self) -> &HttpClient {
        &self.http
    }

    fn offers(&self, series: &Series) -> Option<Origin> {
        instrument(&series.instrument).map(|_| Origin::Native)
    }

    fn settle(&self, _series: &Series) -> TimeDelta {
        self.settle
    }

    fn page_candles(&self, _series: &Series) -> i64 {
        PAGE
    }

    fn fetch<'a>(
        &'a self,
        series: &'a Series,
        window: Window,
        lane: Lane,
    ) -> BoxFuture<'a, Result<RawBatch, ProviderError>> {
        Box::pin(async move {
            match self.ask(series, window, lane).await {
                // Our clock is ahead of theirs; the refusal has told us by how much.
                Err(error) if is_about(&error, "Time is in the future") => {
                    self.ask(series, window, lane).await
                }
                Err(error) if is_about(&error, "'instrument'") => {
                    Err(ProviderError::UnknownSymbol { symbol: series.instrument.to_string() })
                }
                outcome => outcome,
            }
        })
    }

    fn reread(&self, kept: &Kept) -> Result<RawBatch, ProviderError> {
        let answer = kept.answer("{\"candles\":[", "]}");
        wire::read(&kept.series, Kept::WINDOW, kept.provenance(self.is_mock), self.price, answer)
    }
}

fn is_about(error: &ProviderError, words: &str) -> bool {
    matches!(error, ProviderError::Rejected { status: 400, message } if message.contains(words))
}

/// `EURUSD` is `EUR_USD` there. Crypto exists only as a CFD with hours of its own, and is not asked
/// for.
fn instrument(instrument: &InstrumentId) -> Option<String> {
    let (base, quote) = instrument.pair()?;
    (instrument.asset_class() == AssetClass::Fx).then(|| format!("{base}_{quote}"))
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
