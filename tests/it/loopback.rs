//! An HTTP server on loopback that says what a test tells it to, and a client that listens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, http::Uri, response::Response};
use barkeep::{
    clock::{Clock, ManualClock},
    config::{CoinbaseConfig, Config},
    providers::{Coinbase, Context},
    telemetry::Metrics,
};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// Answers until it is dropped.
pub(crate) struct Loopback {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<Uri>>>,
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
        let handler = move |uri: Uri| {
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push(uri.clone());
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
        self.requests.lock().unwrap().clone()
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
#[expect(clippy::needless_pass_by_value, reason = "an Arc of any clock becomes one of the trait")]
pub(crate) fn coinbase(
    url: &Url,
    clock: Arc<dyn Clock>,
    adjust: impl FnOnce(&mut CoinbaseConfig),
) -> Coinbase {
    // The program does this in `main`.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = Config::from_layers(None, HashMap::new()).unwrap().providers.coinbase;
    config.http.url = url.clone();
    config.http.retries = 0;
    config.http.limits = vec!["1000000/s".parse().unwrap()];
    adjust(&mut config);
    let metrics = Metrics::new().unwrap();
    let context = Context { clock: &clock, metrics: &metrics, spend_log: None };
    Coinbase::open(&config, &context).unwrap()
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
