//! Recorded answers of real providers, replayed over loopback to the real clients.

mod advanced_trade;
mod alpha_vantage;
mod coinbase;
mod oanda;

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use barkeep::{
    market::{Calendars, Series, Window},
    providers::{Lane, Provider, ProviderError},
    quality::{Verdict, validate},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::Url;

use crate::loopback::{JumpingClock, Loopback, answer};

/// A server that says what it was told last, and the clock of whoever asks it.
struct Stage {
    said: Arc<Mutex<(u16, String)>>,
    clock: Arc<JumpingClock>,
    server: Loopback,
}

impl Stage {
    async fn start() -> Self {
        let said = Arc::new(Mutex::new((500, String::new())));
        let told = said.clone();
        let server = Loopback::start(move |_| {
            let (status, body) = told.lock().unwrap().clone();
            Some(answer(status, &[], body))
        });
        let server = server.await;
        Self { said, clock: JumpingClock::at(DateTime::UNIX_EPOCH), server }
    }

    fn url(&self) -> &Url {
        &self.server.url
    }

    /// From now on, which is `now`, every answer is this one.
    fn say(&self, now: DateTime<Utc>, status: u16, body: &str) {
        *self.said.lock().unwrap() = (status, body.to_owned());
        self.clock.set(now);
    }

    /// What the provider makes of `body`, which has come at `now`, for any time before.
    async fn play(
        &self,
        provider: &dyn Provider,
        series: &str,
        now: &str,
        body: &str,
    ) -> Result<Verdict, ProviderError> {
        let now: DateTime<Utc> = now.parse().unwrap();
        self.say(now, 200, body);
        let series: Series = series.parse().unwrap();
        let since = DateTime::from_timestamp(946_684_800, 0).unwrap();
        let window = Window::new(since, now).align(series.timeframe);
        let batch = provider.fetch(&series, window, Lane::Backfill).await?;
        let calendar = Calendars::REGULAR.of(series.instrument.asset_class());
        Ok(validate(batch, calendar, provider.settle(&series)))
    }
}

/// What became of the rows, or why there are none.
fn counted(outcome: Result<Verdict, ProviderError>) -> String {
    let verdict = match outcome {
        Ok(verdict) => verdict,
        Err(error) => return format!("{:?}: {error}", error.class()),
    };
    let mut counts = format!("{} landed", verdict.valid.candles().len());
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for letter in &verdict.refused {
        *refused.entry(&letter.expectation).or_default() += 1;
    }
    for (expectation, count) in refused {
        write!(counts, ", {count} refused by {expectation}").unwrap();
    }
    for (count, what) in [(verdict.unfinished, "unfinished"), (verdict.repeated, "repeated")] {
        if count > 0 {
            write!(counts, ", {count} {what}").unwrap();
        }
    }
    for (expectation, count) in verdict.warnings {
        write!(counts, ", {count} not {expectation}").unwrap();
    }
    counts
}

/// A refusal as somebody wrote it down.
#[derive(Debug, Deserialize)]
struct Quoted {
    id: String,
    http_status: serde_json::Value,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    kind: String,
    body: String,
}

impl Quoted {
    /// Frames of a socket have none.
    fn status(&self) -> Option<u16> {
        self.http_status.as_u64().map(|status| u16::try_from(status).unwrap())
    }
}

fn quoted(file: &Path) -> Vec<Quoted> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
