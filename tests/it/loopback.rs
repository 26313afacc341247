//! An HTTP server on loopback that says what a test tells it to, and a client that listens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Uri, header::AUTHORIZATION},
    response::Response,
};
use barkeep::{
    clock::{Clock, ManualClock},
    config::{
        AlphaVantageConfig, CdpKey, CoinbaseConfig, Config, HttpConfig, OandaConfig, Plan,
        ProvidersConfig,
    },
    providers::{AlphaVantage, Coinbase, Context, Oanda},
    telemetry::Metrics,
};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// Answers until it is dropped.
pub(crate) struct Loopback {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<(Uri, HeaderMap)>>>,
    server: JoinHandle<()>,
}

impl Loopback {
    /// `answer` is given the number of the request, from 0 on; `None` is silence for ever.
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(usize) -> Option<Response> + Clone + Send + Sync + 'static,
    {
        Self::answering(move |number, _| answer(number)).await
    }

    /// Like `start`, but `answer` is given the address as well.
    pub(crate) async fn answering<F>(answer: F) -> Self
    where
        F: Fn(usize, &Uri) -> Option<Response> + Clone + Send + Sync + 'static,
    {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let handler = move |uri: Uri, headers: HeaderMap| {
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push((uri.clone(), headers));
                seen.len() - 1
            };
            let response = answer(number, &uri);
            async move {
                match response {
                    Some(response) => response,
                    None => std::future::pending().await,
                }
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, requests, server }
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Uri> {
        self.requests.lock().unwrap().iter().map(|(uri, _)| uri.clone()).collect()
    }

    /// The bearer token of every request that had one.
    pub(crate) fn bearers(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let headers = requests.iter().filter_map(|(_, headers)| headers.get(AUTHORIZATION));
        headers.map(|text| text.to_str().unwrap().strip_prefix("Bearer ").unwrap().into()).collect()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// A Coinbase that asks `url` once, without a budget; `adjust` changes that.
pub(crate) fn coinbase(
    url: &Url,
    clock: Arc<dyn Clock>,
    adjust: impl FnOnce(&mut CoinbaseConfig),
) -> Coinbase {
    let mut config = defaults().coinbase;
    config.http.url = url.clone();
    ask_once(&mut config.http);
    adjust(&mut config);
    opened(clock, |context| Coinbase::open(&config, context))
}

/// Like `coinbase`, with a key; so it is Advanced Trade that is asked.
pub(crate) fn advanced_trade(
    url: &Url,
    clock: Arc<dyn Clock>,
    adjust: impl FnOnce(&mut CoinbaseConfig),
) -> Coinbase {
    coinbase(&"http://exchange.invalid".parse().unwrap(), clock, |config| {
        config.advanced_url = url.clone();
        let secret = include_str!("../fixtures/coinbase_advanced/test_key_es256_sec1.pem");
        config.key = CdpKey::read("a-key-of-a-test".to_owned(), &secret.into());
        assert!(config.key.is_some());
        adjust(config);
    })
}

/// An Oanda that asks `url` once for mid prices, without a budget; `adjust` changes that.
pub(crate) fn oanda(
    url: &Url,
    clock: Arc<dyn Clock>,
    adjust: impl FnOnce(&mut OandaConfig),
) -> Oanda {
    let mut config = defaults().oanda;
    config.http.url = url.clone();
    config.token = Some("a-token-of-a-test".into());
    ask_once(&mut config.http);
    adjust(&mut config);
    opened(clock, |context| Oanda::open(&config, context)).unwrap()
}

/// The key with which `alpha_vantage` asks; as long as a real one.
pub(crate) const ALPHA_VANTAGE_KEY: &str = "XXXXXXXXXXXXXXXX";

/// An Alpha Vantage that asks `url` once with a premium key, without a budget; `adjust` changes
/// that.
pub(crate) fn alpha_vantage(
    url: &Url,
    clock: Arc<dyn Clock>,
    adjust: impl FnOnce(&mut AlphaVantageConfig),
) -> AlphaVantage {
    let mut config = defaults().alpha_vantage;
    config.http.url = url.clone();
    config.api_key = Some(ALPHA_VANTAGE_KEY.into());
    config.plan = Plan::Premium;
    ask_once(&mut config.http);
    adjust(&mut config);
    opened(clock, |context| AlphaVantage::open(&config, context)).unwrap()
}

fn defaults() -> ProvidersConfig {
    Config::from_layers(None, HashMap::new()).unwrap().providers
}

fn ask_once(http: &mut HttpConfig) {
    http.retries = 0;
    http.limits = vec!["1000000/s".parse().unwrap()];
}

#[expect(clippy::needless_pass_by_value, reason = "an Arc of any clock becomes one of the trait")]
fn opened<T>(
    clock: Arc<dyn Clock>,
    open: impl FnOnce(&Context<'_>) -> Result<T, reqwest::Error>,
) -> T {
    // The program does this in `main`.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let metrics = Metrics::new().unwrap();
    open(&Context { clock: &clock, metrics: &metrics, spend_log: None }).unwrap()
}

/// A hand-moved clock on which whoever waits moves it: a day's wait takes no time and is noted.
#[derive(Debug)]
pub(crate) struct JumpingClock {
    hand: ManualClock,
    waits: Mutex<Vec<Duration>>,
}

impl JumpingClock {
    pub(crate) fn at(now: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self { hand: ManualClock::at(now), waits: Mutex::new(Vec::new()) })
    }

    pub(crate) fn set(&self, now: DateTime<Utc>) {
        self.hand.set(now);
    }

    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> DateTime<Utc> {
        self.hand.now()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        self.waits.lock().unwrap().push(wait);
        self.hand.advance(wait);
        Box::pin(std::future::ready(()))
    }
}
