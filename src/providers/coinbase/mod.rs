//! Coinbase's candles over REST: those of Exchange, or with a key those of Advanced Trade.

mod advanced;
mod exchange;
mod page;

use chrono::TimeDelta;
use futures::future::BoxFuture;
use url::Url;

use super::{Auth, Context, HttpClient, Kept, Lane, Origin, Provider, ProviderError, http::Answer};
use crate::{
    config::CoinbaseConfig,
    market::{AssetClass, InstrumentId, ProviderId, RawBatch, Series, Timeframe, Window},
};

/// `GET …/products/{id}/candles`. Bounds are inclusive and more than 300 steps are refused (350 by
/// Advanced Trade), so a page asks for 300 candles: `end` is the open time of the last one.
#[derive(Debug)]
pub struct Coinbase {
    id: ProviderId,
    http: HttpClient,
    url: Url,
    api: Api,
    settle: TimeDelta,
    is_mock: bool,
}

/// Two doors to the same order book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    /// Open to everybody; has no 4h candles.
    Exchange,
    /// For who signs what they ask.
    AdvancedTrade,
}

const PAGE: i64 = 300;

impl Coinbase {
    /// Fails only if the TLS roots of the machine cannot be read.
    pub fn open(config: &CoinbaseConfig, context: &Context<'_>) -> Result<Self, reqwest::Error> {
        let id = ProviderId::from_static("coinbase");
        let (api, url, auth) = match config.key.clone() {
            Some(key) => (Api::AdvancedTrade, config.advanced_url.clone(), Auth::Signed(key)),
            None => (Api::Exchange, config.http.url.clone(), Auth::None),
        };
        let http = HttpClient::new(&id, &config.http, auth, context)?;
        let CoinbaseConfig { settle, is_mock, .. } = *config;
        Ok(Self { id, http, url, api, settle, is_mock })
    }

    fn request(&self, series: &Series, window: Window) -> Result<(Url, String), ProviderError> {
        let product = product_id(&series.instrument).ok_or_else(|| self.lacks(series))?;
        if self.offers(series) != Some(Origin::Native) {
            return Err(self.lacks(series));
        }
        let (folder, granularity) = match self.api {
            Api::Exchange => ("", series.timeframe.seconds().to_string()),
            Api::AdvancedTrade => {
                ("/api/v3/brokerage", advanced::granularity(series.timeframe).to_owned())
            }
        };
        let last = window.end.timestamp() - series.timeframe.seconds();
        let mut url = self.url.clone();
        let path = format!("{folder}/products/{product}/candles");
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("granularity", &granularity)
            .append_pair("start", &window.start.timestamp().to_string())
            .append_pair("end", &last.to_string());
        if self.api == Api::AdvancedTrade {
            url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        }
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
        Some(match (self.api, series.timeframe) {
            (Api::Exchange, Timeframe::H4) => Origin::Derived { from: Timeframe::H1 },
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
                let provenance = answer.provenance(&source, self.is_mock);
                match self.api {
                    Api::Exchange => exchange::read(series, window, provenance, answer.body),
                    Api::AdvancedTrade => advanced::read(series, window, provenance, answer.body),
                }
            };
            self.http.get(&url, lane, read).await.map_err(|error| match error {
                ProviderError::Rejected { status: 404, .. } => {
                    ProviderError::UnknownSymbol { symbol: series.instrument.to_string() }
                }
                other => other,
            })
        })
    }

    /// Its first character says which of the two APIs it came from; there may have been a key then
    /// and none now.
    fn reread(&self, kept: &Kept) -> Result<RawBatch, ProviderError> {
        let is_list = kept.raw.trim_ascii_start().starts_with(b"[");
        let provenance = kept.provenance(self.is_mock);
        if is_list {
            exchange::read(&kept.series, Kept::WINDOW, provenance, kept.answer("[", "]"))
        } else {
            let answer = kept.answer("{\"candles\":[", "]}");
            advanced::read(&kept.series, Kept::WINDOW, provenance, answer)
        }
    }
}

/// `BTCUSD` is `BTC-USD` there; currencies and equities are not traded.
fn product_id(instrument: &InstrumentId) -> Option<String> {
    let (base, quote) = instrument.pair()?;
    (instrument.asset_class() == AssetClass::Crypto).then(|| format!("{base}-{quote}"))
}
