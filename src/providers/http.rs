//! The one HTTP client: budget, timeouts, body limit, classification, retry with jitter.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use prometheus::HistogramVec;
use reqwest::{
    Client, Response, StatusCode,
    header::{DATE, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    Budget, BudgetState, Circuit, Exhausted, Lane, ProviderError, SpendLog,
    breaker::{Breaker, Health},
    cdp,
};
use crate::{
    clock::Clock,
    config::{CdpKey, HttpConfig},
    error::chain,
    market::{Provenance, ProviderId},
    telemetry::Metrics,
};

/// Far above any page of candles.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What a date in a header leaves out at most.
const A_SECOND: TimeDelta = TimeDelta::seconds(1);

/// Whoever wants us to wait longer will say so again.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Speaks to one provider account.
#[derive(Clone)]
pub struct HttpClient {
    provider: ProviderId,
    client: Client,
    auth: Auth,
    budget: Arc<Budget>,
    breaker: Arc<Breaker>,
    /// How far the provider's clock was ahead of ours when it last told the time.
    skew: Arc<Mutex<Option<TimeDelta>>>,
    backoff: ExponentialBuilder,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// What a client needs besides its settings.
#[derive(Debug)]
pub struct Context<'a> {
    pub clock: &'a Arc<dyn Clock>,
    pub metrics: &'a Metrics,
    /// Where spending is written down; without one a restart spends anew.
    pub spend_log: Option<Arc<dyn SpendLog>>,
}

/// How requests prove who sends them.
#[derive(Debug, Clone)]
pub enum Auth {
    /// They do not.
    None,
    /// The adapter puts a key into the query.
    InQuery(SecretString),
    /// `Authorization: Bearer`.
    Bearer(SecretString),
    /// The same, with a token made for this one request.
    Signed(CdpKey),
}

impl Auth {
    /// What one request carries, in its header or its address, and no text may repeat.
    fn secret(&self, url: &Url, now: DateTime<Utc>) -> Result<Option<SecretString>, ProviderError> {
        match self {
            Self::None => Ok(None),
            Self::InQuery(secret) | Self::Bearer(secret) => Ok(Some(secret.clone())),
            Self::Signed(key) => {
                let token = cdp::token(key, url, now).map_err(|error| {
                    let message = format!("no request can be signed with our key: {error}");
                    ProviderError::Unauthorized { message }
                })?;
                Ok(Some(token))
            }
        }
    }
}

/// A body, when it was made by the provider's clock, and when its last byte came by ours.
#[derive(Debug, Clone)]
pub struct Answer {
    pub body: Bytes,
    pub made_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
}

impl Answer {
    /// Of what is read from it; `source` is the question without the key.
    pub fn provenance(&self, source: &str, is_mock: bool) -> Provenance {
        Provenance {
            extracted_at: self.received_at,
            made_at: self.made_at,
            source: source.to_owned(),
            is_mock,
            is_derived: false,
        }
    }
}

impl HttpClient {
    /// Fails only if the TLS roots of the machine cannot be read.
    pub fn new(
        provider: &ProviderId,
        config: &HttpConfig,
        auth: Auth,
        context: &Context<'_>,
    ) -> Result<Self, reqwest::Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the one client")]
        let client = Client::builder()
            .user_agent(concat!("barkeep/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .redirect(Policy::none())
            .build()?;
        let backoff = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(config.retry_first_wait)
            .with_max_delay(config.retry_longest_wait)
            .with_max_times(config.retries);
        let Context { clock, metrics, spend_log } = context;
        let limits = (&config.limits[..], config.burst);
        let budget = Budget::new(provider, limits, Arc::clone(clock), spend_log.clone());
        Ok(Self {
            provider: provider.clone(),
            client,
            auth,
            budget: Arc::new(budget),
            breaker: Arc::default(),
            skew: Arc::default(),
            backoff,
            clock: Arc::clone(clock),
            metrics: Metrics::clone(metrics),
        })
    }

    /// Whether requests say who sends them.
    pub fn has_credentials(&self) -> bool {
        !matches!(self.auth, Auth::None)
    }

    /// What the account allows and has used.
    /// Says that another process has asked this provider meanwhile: what it has spent counts.
    pub async fn doubt_budget(&self) {
        self.budget.doubt().await;
    }

    pub fn budget(&self) -> BudgetState {
        self.budget.state_now()
    }

    pub fn circuit(&self) -> Circuit {
        self.breaker.circuit(self.clock.now())
    }

    /// While the circuit is open: until when.
    pub fn circuit_open_until(&self) -> Option<DateTime<Utc>> {
        self.breaker.open_until(self.clock.now())
    }

    /// How far the provider's clock is ahead of ours, to the second; `None` before any answer.
    pub fn skew(&self) -> Option<TimeDelta> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until `read` accepts an answer, the retries are used up, or the failure is final.
    pub async fn get<T>(
        &self,
        url: &Url,
        lane: Lane,
        read: impl Fn(Answer) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let permit = self.breaker.admit(self.clock.now());
        let permit = permit.map_err(|until| ProviderError::CircuitOpen { until })?;
        // Where our own budget refuses, nothing was asked and nothing is known of the provider.
        let asked = self.ask(url, lane, read).await;
        let outcome = asked.map_err(|Exhausted { until }| ProviderError::Exhausted { until })?;
        match permit.ended(Health::of(&outcome), self.clock.now()) {
            Some(Circuit::Open) => {
                self.metrics.circuit_openings.with_label_values(&[self.provider.as_str()]).inc();
                let reason = outcome.as_ref().err().map(|error| chain(error)).unwrap_or_default();
                tracing::warn!(
                    provider = %self.provider,
                    reason,
                    "{0} is not asked for a while; `barkeep providers check {0}` tells more",
                    self.provider
                );
            }
            Some(Circuit::Closed) => {
                tracing::info!(provider = %self.provider, "{} answers again", self.provider);
            }
            Some(Circuit::HalfOpen) | None => {}
        }
        outcome
    }

    async fn ask<T>(
        &self,
        url: &Url,
        lane: Lane,
        read: impl Fn(Answer) -> Result<T, ProviderError>,
    ) -> Result<Result<T, ProviderError>, Exhausted> {
        let mut waits = self.backoff.build();
        loop {
            let outcome = self.attempt(url, lane, &read).await?;
            let label = outcome.as_ref().err().map_or("ok", ProviderError::outcome);
            let labels = [self.provider.as_str(), label];
            self.metrics.provider_requests.with_label_values(&labels).inc();
            let Err(error) = outcome else { return Ok(outcome) };
            let asked_to_wait = error.retry_after();
            match error {
                ProviderError::Throttled { .. } => self.budget.throttled(asked_to_wait),
                ProviderError::Exhausted { until } => self.budget.pause_until(until),
                _ => {}
            }
            let Some(wait) = waits.next().filter(|_| error.may_pass()) else {
                return Ok(Err(error));
            };
            let wait = asked_to_wait.map_or(wait, |asked| asked.max(wait));
            tracing::debug!(provider = %self.provider, %error, ?wait, "a request is tried again");
            self.clock.sleep(wait).await;
        }
    }

    /// One request, once the budget has one.
    async fn attempt<T>(
        &self,
        url: &Url,
        lane: Lane,
        read: impl Fn(Answer) -> Result<T, ProviderError>,
    ) -> Result<Result<T, ProviderError>, Exhausted> {
        let waited = self.timer(&self.metrics.provider_budget_wait_seconds, &[lane.label()]);
        let _in_flight = self.budget.acquire(lane).await?;
        waited.observe_duration();
        let secret = match self.auth.secret(url, self.clock.now()) {
            Ok(secret) => secret,
            Err(error) => return Ok(Err(error)),
        };
        let outcome = self.send(url, secret.as_ref()).await.and_then(read);
        let shown = secret.as_ref().map(ExposeSecret::expose_secret);
        // Some refusals repeat the key they were given.
        Ok(outcome.map_err(|error| error.presentable(shown)))
    }

    async fn send(
        &self,
        url: &Url,
        secret: Option<&SecretString>,
    ) -> Result<Answer, ProviderError> {
        let request = self.timer(&self.metrics.provider_request_seconds, &[]);
        let mut question = self.client.get(url.clone());
        if let Some(token) = secret.filter(|_| !matches!(self.auth, Auth::InQuery(_))) {
            question = question.bearer_auth(token.expose_secret());
        }
        let response = question.send().await.map_err(unreachable)?;
        let status = response.status();
        let date = date(&response);
        self.compare_clocks(date);
        let retry_after = self.retry_after(&response);
        let body = body(response).await?;
        request.observe_duration();
        match status {
            StatusCode::OK => {
                let received_at = self.clock.now();
                let made_at = date.map_or(received_at, |date| date + A_SECOND);
                Ok(Answer { body, made_at, received_at })
            }
            StatusCode::TOO_MANY_REQUESTS => Err(ProviderError::Throttled { retry_after }),
            StatusCode::FORBIDDEN if is_page(&body) => {
                Err(ProviderError::Upstream { status: status.as_u16() })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(ProviderError::Unauthorized { message: message(&body) })
            }
            _ if status.is_server_error() => {
                Err(ProviderError::Upstream { status: status.as_u16() })
            }
            _ => Err(ProviderError::Rejected { status: status.as_u16(), message: message(&body) }),
        }
    }

    fn compare_clocks(&self, date: Option<DateTime<Utc>>) {
        let Some(date) = date else { return };
        let ahead = date + A_SECOND / 2 - self.clock.now();
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
    }

    fn timer(&self, of: &HistogramVec, labels: &[&str]) -> prometheus::HistogramTimer {
        of.with_label_values(&[&[self.provider.as_str()], labels].concat()).start_timer()
    }

    /// Seconds, or an HTTP date measured against our clock.
    fn retry_after(&self, response: &Response) -> Option<Duration> {
        let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
        let wait = if let Ok(seconds) = text.trim().parse() {
            Duration::from_secs(seconds)
        } else {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.with_timezone(&Utc) - self.clock.now()).to_std().unwrap_or_default()
        };
        Some(wait.min(LONGEST_RETRY_AFTER))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// By the provider's clock, without the fraction of the second. A year of more than four digits is
/// no date.
fn date(response: &Response) -> Option<DateTime<Utc>> {
    let date = response.headers().get(DATE)?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(date).ok()?.to_utc();
    (date.year() < 10_000).then_some(date)
}

async fn body(mut response: Response) -> Result<Bytes, ProviderError> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if body.len() + piece.len() > LARGEST_BODY {
            let detail = format!("the body is larger than {LARGEST_BODY} bytes");
            return Err(ProviderError::Malformed { detail, body: body.freeze() });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn unreachable(error: reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        return ProviderError::TimedOut;
    }
    ProviderError::Unreachable(error.without_url())
}

/// A challenge or an error page of whoever stands before the provider; it is not about our key.
fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The provider's own words, on one line; errors are not always JSON.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: Option<String>,
        error_details: Option<String>,
        #[serde(rename = "errorMessage")]
        error_message: Option<String>,
    }
    let told = serde_json::from_slice(body).ok();
    let told =
        told.and_then(|told: Refusal| told.message.or(told.error_details).or(told.error_message));
    let text = told.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
