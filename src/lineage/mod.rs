//! Who is told which table was made of which: `OpenLineage` run events, sent to one address.
//!
//! A build does not wait for it. Events are sent in their order, again and again until they arrive; while
//! nobody takes them so many are kept, and those that come later are counted as lost.

mod event;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;

use crate::{
    clock::Clock, config::LineageConfig, error::chain, lifecycle::Lifecycle, telemetry::Metrics,
};

/// One build of one table.
#[derive(Debug, Clone)]
pub struct Build {
    /// A UUID.
    pub run: String,
    pub table: String,
    pub about: String,
    pub query: String,
    pub inputs: Vec<Dataset>,
    /// The table, and the version that it then had; none if the build failed.
    pub output: Option<Dataset>,
    /// Rows that were added, changed or removed.
    pub rows: i64,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// A version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// A folder or a URL.
    pub place: String,
    pub version: u64,
}

/// Where builds are told.
#[derive(Debug)]
pub struct Lineage {
    namespace: String,
    events: Option<mpsc::Sender<Value>>,
    metrics: Metrics,
}

/// Events that are kept while nobody takes them.
const KEPT: usize = 1_000;
/// For one event.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before an event is sent again: twice as long each time, but no longer than the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

impl Lineage {
    pub fn start(
        config: &LineageConfig,
        (clock, metrics, lifecycle): (&Arc<dyn Clock>, &Metrics, &Lifecycle),
    ) -> Result<Self, reqwest::Error> {
        for outcome in ["sent", "lost"] {
            metrics.lineage_events.with_label_values(&[outcome]).inc_by(0);
        }
        let mut events = None;
        if let Some(url) = &config.url {
            #[expect(clippy::disallowed_methods, reason = "tells a catalogue, asks no provider")]
            let http = reqwest::Client::builder();
            let http =
                http.timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
            let (sender, queue) = mpsc::channel(KEPT);
            let sending = Sending {
                http,
                url: url.clone(),
                api_key: config.api_key.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
            };
            lifecycle.spawn_detached(sending.run(queue));
            events = Some(sender);
        }
        Ok(Self { namespace: config.namespace.clone(), events, metrics: metrics.clone() })
    }

    /// Tells of a build: that it began, and how it ended.
    pub fn tell(&self, build: &Build) {
        let Some(events) = &self.events else { return };
        for event in event::events(&self.namespace, build) {
            if events.try_send(event).is_err() {
                self.metrics.lineage_events.with_label_values(&["lost"]).inc();
            }
        }
    }
}

struct Sending {
    http: reqwest::Client,
    url: Url,
    api_key: Option<SecretString>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Sending {
    /// Until nobody can tell anything any more.
    async fn run(self, mut queue: mpsc::Receiver<Value>) {
        while let Some(event) = queue.recv().await {
            let mut pause = PAUSES.0;
            while let Err(error) = self.send(&event).await {
                let host = self.url.host_str().unwrap_or_default();
                let error = chain(&error.without_url());
                tracing::warn!(host, error, "lineage is not taken; it is sent again");
                self.clock.sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            self.metrics.lineage_events.with_label_values(&["sent"]).inc();
        }
    }

    async fn send(&self, event: &Value) -> Result<(), reqwest::Error> {
        let request = self.http.post(self.url.clone()).body(event.to_string());
        let mut request = request.header("content-type", "application/json");
        if let Some(key) = &self.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        request.send().await?.error_for_status()?;
        Ok(())
    }
}
