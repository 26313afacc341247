//! Coinbase Exchange: public candles over REST.

mod wire;

use chrono::TimeDelta;
use futures::future::BoxFuture;
use url::Url;

use super::{Auth, Context, HttpClient, Lane, Origin, Provider, ProviderError, http::Answer};
use crate::{
    config::CoinbaseConfig,
    market::{
        AssetClass, InstrumentId, Provenance, ProviderId, RawBatch, Series, Timeframe, Window,
    },
};

/// `GET /products/{id}/candles`. Bounds are inclusive and more than 300 steps are refused, so a
/// page asks for 300 candles: `end` is the open time of the last one.
#[derive(Debug)]
pub struct Coinbase {
    id: ProviderId,
    http: HttpClient,
    url: Url,
    settle: TimeDelta,
    is_mock: bool,
}

const PAGE: i64 = 300;

impl Coinbase {
    /// Fails only if the TLS roots of the machine cannot be read.
    pub fn open(config: &CoinbaseConfig, context: &Context<'_>) -> Result<Self, reqwest::Error> {
        let id = ProviderId::from_static("coinbase");
        let http = HttpClient::new(&id, &config.http, Auth::None, context)?;
        let CoinbaseConfig { settle, is_mock, .. } = *config;
        Ok(Self { id, http, url: config.http.url.clone(), settle, is_mock })
    }

    fn request(&self, series: &Series, window: Window) -> Result<(Url, String), ProviderError> {
        let product = product_id(&series.instrument).ok_or_else(|| self.lacks(series))?;
        if self.offers(series) != Some(Origin::Native) {
            return Err(self.lacks(series));
        }
        let granularity = series.timeframe.seconds();
        let mut url = self.url.clone();
        let path = format!("/products/{product}/candles");
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("granularity", &granularity.to_string())
            .append_pair("start", &window.start.timestamp().to_string())
            .append_pair("end", &(window.end.timestamp() - granularity).to_string());
        Ok((url, format!("GET {path}?granularity={granularity}")))
    }

    fn lacks(&self, series: &Series) -> ProviderError {
        let what = format!("{} candles of {}", series.timeframe, series.instrument);
        ProviderError::NotOffered { provider: self.id.to_string(), what }
    }
}

impl Provider for Coinbase {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn client(&self) -> &HttpClient {
        &self.http
    }

    fn offers(&self, series: &Series) -> Option<Origin> {
        product_id(&series.instrument)?;
        Some(match series.timeframe {
            Timeframe::H4 => Origin::Derived { from: Timeframe::H1 },
            _ => Origin::Native,
        })
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
            let (url, source) = self.request(series, window)?;
            let read = |answer: Answer| {
                let provenance = Provenance {
                    extracted_at: answer.received_at,
                    source: source.clone(),
                    is_mock: self.is_mock,
                    is_derived: false,
                };
                wire::read(series, window, provenance, answer.body)
            };
            self.http.get(&url, lane, read).await.map_err(|error| match error {
                ProviderError::Rejected { status: 404, .. } => {
                    ProviderError::UnknownSymbol { symbol: series.instrument.to_string() }
                }
                other => other,
            })
        })
    }
}

/// `BTCUSD` is `BTC-USD` there; currencies and equities are not traded.
fn product_id(instrument: &InstrumentId) -> Option<String> {
    let (base, quote) = instrument.pair()?;
    (instrument.asset_class() == AssetClass::Crypto).then(|| format!("{base}-{quote}"))
}
