//! `[providers.*]`: where each provider is, with what credentials, and what it allows.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use chrono::TimeDelta;
use secrecy::SecretString;
use url::Url;

use super::{CdpKey, Limit, Span, cdp_key, positive, reader::Reader};
use crate::market::InstrumentId;

/// Every provider Barkeep can ask. One that lacks its credentials is passed over.
#[derive(Debug, Clone)]
pub struct ProvidersConfig {
    pub alpha_vantage: AlphaVantageConfig,
    pub coinbase: CoinbaseConfig,
    pub oanda: OandaConfig,
}

/// How any provider is spoken to over HTTP.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    pub url: Url,
    pub limits: Vec<Limit>,
    pub burst: NonZeroU32,
    pub connect_timeout: Duration,
    pub request_timeout: Duration,
    pub retries: usize,
    pub retry_first_wait: Duration,
    pub retry_longest_wait: Duration,
}

#[derive(Debug, Clone)]
pub struct AlphaVantageConfig {
    pub http: HttpConfig,
    /// After the close of a candle shorter than a day.
    pub settle: TimeDelta,
    /// After the close of a daily candle.
    pub settle_daily: TimeDelta,
    pub api_key: Option<SecretString>,
    pub plan: Plan,
    /// Stocks that are spelt differently there.
    pub symbols: BTreeMap<InstrumentId, String>,
    pub is_mock: bool,
}

/// What an Alpha Vantage key may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The newest 100 daily candles, news and macro series.
    Free,
    /// Intraday and the whole history as well.
    Premium,
}

#[derive(Debug, Clone)]
pub struct CoinbaseConfig {
    pub http: HttpConfig,
    pub settle: TimeDelta,
    /// The base of the Advanced Trade API, which has 4h candles of its own.
    pub advanced_url: Url,
    /// With a key, requests are signed and go to Advanced Trade.
    pub key: Option<CdpKey>,
    pub is_mock: bool,
}

#[derive(Debug, Clone)]
pub struct OandaConfig {
    pub http: HttpConfig,
    pub settle: TimeDelta,
    pub token: Option<SecretString>,
    pub price: PriceSide,
    pub is_mock: bool,
}

/// Which of Oanda's three prices a candle is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceSide {
    Mid,
    Bid,
    Ask,
}

pub(super) fn providers(read: &mut Reader) -> ProvidersConfig {
    ProvidersConfig {
        alpha_vantage: AlphaVantageConfig {
            http: http(read, "alpha_vantage"),
            settle: read.get::<Span>("providers.alpha_vantage.settle").into(),
            settle_daily: read.get::<Span>("providers.alpha_vantage.settle_daily").into(),
            api_key: read.secret("providers.alpha_vantage.api_key"),
            plan: read.one_of(
                "providers.alpha_vantage.plan",
                &[("free", Plan::Free), ("premium", Plan::Premium)],
            ),
            symbols: symbols(read),
            is_mock: read.get("providers.alpha_vantage.is_mock"),
        },
        coinbase: coinbase(read),
        oanda: OandaConfig {
            http: http(read, "oanda"),
            settle: read.get::<Span>("providers.oanda.settle").into(),
            token: read.secret("providers.oanda.token"),
            price: read.one_of(
                "providers.oanda.price",
                &[("mid", PriceSide::Mid), ("bid", PriceSide::Bid), ("ask", PriceSide::Ask)],
            ),
            is_mock: read.get("providers.oanda.is_mock"),
        },
    }
}

fn coinbase(read: &mut Reader) -> CoinbaseConfig {
    CoinbaseConfig {
        http: http(read, "coinbase"),
        settle: read.get::<Span>("providers.coinbase.settle").into(),
        advanced_url: web_address(read, "providers.coinbase.advanced_url"),
        key: cdp_key(read),
        is_mock: read.get("providers.coinbase.is_mock"),
    }
}

fn cdp_key(read: &mut Reader) -> Option<CdpKey> {
    let name: String = read.get("providers.coinbase.key_name");
    let secret = read.secret("providers.coinbase.key_secret");
    if name.is_empty() && secret.is_none() {
        return None;
    }
    let Some(secret) = secret.filter(|_| !name.is_empty()) else {
        let fix = "give both key_name and key_secret of a CDP key, or neither";
        read.violation("providers.coinbase.key_name", fix);
        return None;
    };
    let key = CdpKey::read(name, &secret);
    if key.is_none() {
        read.violation("providers.coinbase.key_secret", cdp_key::READABLE);
    }
    key
}

fn symbols(read: &mut Reader) -> BTreeMap<InstrumentId, String> {
    let mut symbols = BTreeMap::new();
    for (path, asset, names) in read.lists("providers.alpha_vantage.symbols") {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match (asset.parse::<InstrumentId>(), &names[..]) {
            (Ok(asset), [name]) if !name.is_empty() && name.chars().all(is_plain) => {
                symbols.insert(asset, name.clone());
            }
            (Err(error), _) => read.violation(&path, &error.to_string()),
            _ => read.violation(&path, "write one symbol of letters, digits, . and -, like BRK-B"),
        }
    }
    symbols
}

fn http(read: &mut Reader, provider: &str) -> HttpConfig {
    let path = |key: &str| format!("providers.{provider}.{key}");
    HttpConfig {
        url: web_address(read, &path("url")),
        limits: read.get_if(
            &path("limits"),
            "name at least one, like 10/s",
            |limits: &Vec<Limit>| !limits.is_empty(),
        ),
        burst: read.get(&path("burst")),
        connect_timeout: positive(read, &path("connect_timeout")),
        request_timeout: positive(read, &path("request_timeout")),
        retries: read.get(&path("retries")),
        retry_first_wait: positive(read, &path("retry_first_wait")),
        retry_longest_wait: positive(read, &path("retry_longest_wait")),
    }
}

fn web_address(read: &mut Reader, path: &str) -> Url {
    read.get_if(path, "use http:// or https://, without user and password", |url: &Url| {
        let is_plain = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
    })
}
