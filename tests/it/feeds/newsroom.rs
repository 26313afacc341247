//! A stand-in for Alpha Vantage's news and indicators that says what a test has put in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{http::Uri, response::Response};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    loopback::{Loopback, answer},
    support::test_app::{Setup, TestApp, UNLIMITED},
};

pub(crate) const BTC: &str = "alpha_vantage/news/BTCUSD";
pub(crate) const ETH: &str = "alpha_vantage/news/ETHUSD";
pub(crate) const CPI: &str = "alpha_vantage/macro/CPI";

/// What it publishes and how it fails.
#[derive(Default)]
struct Desk {
    articles: Vec<Value>,
    /// By function, the whole body.
    indicators: BTreeMap<String, String>,
    /// Instead of anything else, while set: status and body.
    failure: Option<(u16, String)>,
    /// Fails from this request on, once.
    fails_at: Option<usize>,
}

pub(crate) struct Newsroom {
    desk: Arc<Mutex<Desk>>,
    server: Loopback,
}

impl Newsroom {
    pub(crate) async fn open() -> Self {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let at_work = desk.clone();
        let server = Loopback::answering(move |number, uri| {
            Some(at_work.lock().unwrap().answer(number, uri))
        });
        Self { server: server.await, desk }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    pub(crate) fn publish(&self, article: Value) {
        self.desk().articles.push(article);
    }

    pub(crate) fn announce(&self, function: &str, body: impl Into<String>) {
        self.desk().indicators.insert(function.to_owned(), body.into());
    }

    pub(crate) fn fail(&self, status: u16, body: &str) {
        self.desk().failure = Some((status, body.to_owned()));
    }

    pub(crate) fn recover(&self) {
        self.desk().failure = None;
    }

    /// The request after so many others gets status 500.
    pub(crate) fn fail_once_at(&self, number: usize) {
        self.desk().fails_at = Some(number);
    }

    pub(crate) fn url(&self) -> String {
        self.server.url.to_string().trim_end_matches('/').to_owned()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.server.requests().len()
    }

    /// One parameter of every request, empty where it is absent.
    pub(crate) fn parameters(&self, name: &str) -> Vec<String> {
        let requests = self.server.requests();
        requests.iter().map(|uri| parameters(uri).remove(name).unwrap_or_default()).collect()
    }

    /// A daemon that collects from here; `settings` beside those it needs.
    pub(crate) async fn app(&self, settings: &[(&'static str, &'static str)]) -> TestApp {
        let mut all = vec![
            ("PROVIDERS__ALPHA_VANTAGE__URL", &*self.url().leak()),
            ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "secret-key"),
            ("PROVIDERS__ALPHA_VANTAGE__LIMITS", UNLIMITED),
            ("PROVIDERS__ALPHA_VANTAGE__RETRIES", "0"),
            ("INGEST__PROVIDERS", "coinbase"),
            ("MACRO__INDICATORS", "CPI"),
        ];
        all.extend(settings);
        TestApp::with(Setup { settings: all.leak(), ..Setup::default() }).await
    }
}

impl Desk {
    fn answer(&mut self, number: usize, uri: &Uri) -> Response {
        if self.fails_at == Some(number) {
            return answer(500, &[], "");
        }
        if let Some((status, body)) = &self.failure {
            return answer(*status, &[], body.clone());
        }
        let asked = parameters(uri);
        let body = match asked["function"].as_str() {
            "NEWS_SENTIMENT" => self.news(&asked),
            function => self.indicators.get(function).cloned().unwrap_or("{}".to_owned()),
        };
        answer(200, &[], body)
    }

    fn news(&self, asked: &HashMap<String, String>) -> String {
        let bound = |name: &str| {
            NaiveDateTime::parse_from_str(&asked[name], "%Y%m%dT%H%M").unwrap().and_utc()
        };
        let (from, to) = (bound("time_from"), bound("time_to"));
        let is_asked_for = |article: &&Value| {
            let at = published_at(article);
            let tickers = article["ticker_sentiment"].to_string();
            tickers.contains(&format!("\"{}\"", asked["tickers"]))
                && at.is_none_or(|at| (from..=to).contains(&at))
        };
        let mut feed: Vec<&Value> = self.articles.iter().filter(is_asked_for).collect();
        assert_eq!(asked["sort"], "EARLIEST");
        feed.sort_by_key(|article| published_at(article));
        feed.truncate(asked["limit"].parse().unwrap());
        json!({"items": feed.len().to_string(), "feed": feed}).to_string()
    }
}

fn published_at(article: &Value) -> Option<DateTime<Utc>> {
    let text = article["time_published"].as_str()?;
    Some(NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?.and_utc())
}

fn parameters(uri: &Uri) -> HashMap<String, String> {
    let query = uri.query().unwrap_or_default().as_bytes();
    url::form_urlencoded::parse(query).into_owned().collect()
}

/// An article, published so many minutes before the noon at which tests begin, that mentions each
/// of `tickers` with a sentiment.
pub(crate) fn article(name: &str, minutes_ago: i64, tickers: &[(&str, f64)]) -> Value {
    let noon: DateTime<Utc> = "2024-03-06T12:00:00Z".parse().unwrap();
    let at = noon - TimeDelta::minutes(minutes_ago);
    let mention = |(ticker, sentiment): &(&str, f64)| {
        json!({
            "ticker": ticker,
            "relevance_score": "0.5",
            "ticker_sentiment_score": sentiment.to_string(),
            "ticker_sentiment_label": "Neutral",
        })
    };
    json!({
        "title": format!("Title of {name}"),
        "url": format!("https://example.org/{name}"),
        "time_published": at.format("%Y%m%dT%H%M%S").to_string(),
        "authors": ["Nobody"],
        "summary": "Of no interest here.",
        "source": "Example",
        "topics": [{"topic": "blockchain", "relevance_score": "0.9"}, {"topic": "finance"}],
        "overall_sentiment_score": 0.1,
        "ticker_sentiment": tickers.iter().map(mention).collect::<Vec<_>>(),
    })
}

/// Monthly observations by date and value.
pub(crate) fn monthly(points: &[(&str, &str)]) -> String {
    let point = |(date, value): &(&str, &str)| json!({"date": date, "value": value});
    let data: Vec<Value> = points.iter().map(point).collect();
    json!({"name": "Index", "interval": "monthly", "unit": "percent", "data": data}).to_string()
}
