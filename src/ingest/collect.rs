//! News and macroeconomic indicators on their way into the lake, each once.
//!
//! What has landed is told by the lake alone. Whoever has the turn of a table compares an answer with
//! its rows and appends what is news, in one commit that also counts the landings of the feed; so
//! asking again, after whatever happened, adds nothing.

mod indicators;
mod news;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use super::{FeedState, IngestError, agenda::Agenda, compactor::Compactor};
use crate::{
    clock::Clock,
    config::FeedsConfig,
    crash,
    fleet::Fleet,
    lake::{FeedRecord, Lake, LakeError, Table},
    lifecycle::Lifecycle,
    market::{Feed, Provenance, RawItems},
    providers::{AlphaVantage, Provider, ProviderError, Providers},
    quality::{DeadLetter, Item, Judged, judge},
    store::Store,
    telemetry::Metrics,
};

/// What became of the items of one collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Landed for the first time.
    pub landed: usize,
    /// Landed as a revision of what had landed before.
    pub revised: usize,
    pub unchanged: usize,
    pub refused: usize,
}

/// Collects feeds from the one provider that has them.
#[derive(Debug)]
pub struct Collector {
    lake: Lake,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    lifecycle: Lifecycle,
    config: FeedsConfig,
    fleet: Arc<Fleet>,
    provider: Option<Arc<AlphaVantage>>,
    agenda: Agenda,
    /// The newest item of each feed, as far as the lake has been asked for it.
    newest: Mutex<BTreeMap<Feed, DateTime<Utc>>>,
    /// Whoever has the turn of a table may land in it, and wakes what compacts it.
    news: AsyncMutex<Compactor>,
    indicators: AsyncMutex<Compactor>,
}

/// After so many commits of strangers in a row one gives up.
const STRANGERS: u32 = 3;

impl Collector {
    /// Knows from the store when each feed was last collected. Without a provider there are no feeds.
    pub async fn new(
        (lake, store, providers): (&Lake, &Store, &Providers),
        (clock, metrics, lifecycle): (&Arc<dyn Clock>, &Metrics, &Lifecycle),
        (config, fleet): (&FeedsConfig, &Arc<Fleet>),
    ) -> Result<Self, IngestError> {
        let succeeded: BTreeMap<Feed, DateTime<Utc>> = store.feeds().await?.into_iter().collect();
        let provider = providers.feeds().cloned();
        let feeds = config.feeds().filter(|_| provider.is_some());
        // Known from the start, so that rates have a beginning.
        for kind in Feed::KINDS {
            count(metrics, kind, &Collected::default());
            let of_kind = succeeded.iter().filter(|(feed, _)| feed.kind() == kind);
            if let Some(newest) = of_kind.map(|(_, at)| at.timestamp()).max() {
                metrics.feed_success.with_label_values(&[kind]).set(newest);
            }
        }
        Ok(Self {
            agenda: Agenda::new(feeds, &succeeded, clock.now()),
            newest: Mutex::default(),
            news: AsyncMutex::new(Compactor::new(lake.news().as_table(), lifecycle)),
            indicators: AsyncMutex::new(Compactor::new(lake.indicators().as_table(), lifecycle)),
            lake: lake.clone(),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            lifecycle: lifecycle.clone(),
            config: config.clone(),
            fleet: fleet.clone(),
            provider,
        })
    }

    /// Every feed that is collected: news by asset, then indicators.
    pub fn feeds(&self) -> Vec<(Feed, FeedState)> {
        self.agenda.all()
    }

    /// Takes up from the store when each feed was last collected, by another replica.
    pub async fn take_over(&self) -> Result<(), IngestError> {
        for (feed, at) in self.store.feeds().await? {
            self.agenda.succeeded(&feed, at);
        }
        Ok(())
    }

    /// Somebody else has committed: what is newest must be asked of the lake again.
    pub(super) fn moved_on(&self) {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The feeds of a kind that are to be collected now; each is given out once.
    pub fn take_due(&self, kind: &str, now: DateTime<Utc>) -> Vec<Feed> {
        self.agenda.take_due(kind, now)
    }

    /// Asks a feed for everything since the last time and lands what is news. What landed before a
    /// failure stays landed.
    pub fn collect<'a>(&'a self, feed: &'a Feed) -> BoxFuture<'a, Result<Collected, IngestError>> {
        Box::pin(async move {
            let unknown = || IngestError::UnknownFeed { feed: feed.clone() };
            let provider = self.provider.as_ref().filter(|_| self.agenda.contains(feed));
            let provider = provider.ok_or_else(unknown)?;
            let asked = Provider::id(provider.as_ref());
            if !self.fleet.serves(asked) {
                return Err(IngestError::NotServed { provider: asked.clone() });
            }
            let collected = match self.ask(provider, feed).await {
                Ok(collected) => self.succeeded(feed).await.map(|()| collected),
                Err(error) => Err(error),
            };
            if let Err(error) = &collected {
                self.agenda.failed(feed, error, self.clock.now());
            }
            collected
        })
    }

    /// When the newest item in the lake was published, or its period begins.
    pub async fn newest(&self, feed: &Feed) -> Result<Option<DateTime<Utc>>, IngestError> {
        let known = self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(feed).copied();
        if known.is_some() {
            return Ok(known);
        }
        let newest = match feed {
            Feed::News(asset) => self.lake.news().newest(asset).await?,
            Feed::Macro(indicator) => {
                let newest = self.lake.indicators().observations(Some(*indicator)).await?;
                newest.first().map(|landed| landed.observation.period)
            }
        };
        if let Some(newest) = newest {
            self.reached(feed, newest);
        }
        Ok(newest)
    }

    async fn ask(&self, provider: &AlphaVantage, feed: &Feed) -> Result<Collected, IngestError> {
        match feed {
            Feed::News(asset) => self.collect_news(provider, feed, asset).await,
            Feed::Macro(indicator) => self.collect_indicator(provider, feed, *indicator).await,
        }
    }

    async fn succeeded(&self, feed: &Feed) -> Result<(), IngestError> {
        let now = self.clock.now();
        self.store.collected(feed, now).await?;
        crash::point("recorded");
        self.agenda.succeeded(feed, now);
        self.metrics.feed_success.with_label_values(&[feed.kind()]).set(now.timestamp());
        Ok(())
    }

    fn reached(&self, feed: &Feed, at: DateTime<Utc>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.entry(feed.clone()).and_modify(|known| *known = at.max(*known)).or_insert(at);
    }

    /// Judges an answer and keeps what is refused; one of which nothing can be read is a failure.
    async fn judged<T: Item>(
        &self,
        feed: &Feed,
        answer: Result<RawItems<T>, ProviderError>,
    ) -> Result<(Judged<T>, Provenance, Option<DateTime<Utc>>), IngestError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(ProviderError::Malformed { detail, body }) => {
                let from = ("alpha_vantage", self.clock.now());
                let detail_kept = format!("the answer cannot be read: {detail}");
                let letter = DeadLetter::whole_answer(feed.into(), detail_kept, body.clone(), from);
                self.keep(feed, &[letter]).await?;
                return Err(ProviderError::Malformed { detail, body }.into());
            }
            Err(error) => return Err(error.into()),
        };
        let (provenance, more_from) = (answer.provenance.clone(), answer.more_from);
        let judged = judge(feed, answer);
        self.keep(feed, &judged.refused).await?;
        let count = judged.refused.len();
        let unreadable = judged.refused.iter().filter(|one| one.expectation == "readable").count();
        if judged.valid.is_empty() && count > 0 && unreadable == count {
            let detail = format!("none of its {count} items can be read");
            return Err(ProviderError::Malformed { detail, body: bytes::Bytes::new() }.into());
        }
        Ok((judged, provenance, more_from))
    }

    async fn keep(&self, feed: &Feed, refused: &[DeadLetter]) -> Result<(), IngestError> {
        if refused.is_empty() {
            return Ok(());
        }
        self.store.keep(refused).await?;
        crash::point("dead_letters_kept");
        count(
            &self.metrics,
            feed.kind(),
            &Collected { refused: refused.len(), ..Collected::default() },
        );
        Ok(())
    }

    /// Has `land` compare and append, again if a stranger has committed meanwhile: it may have
    /// brought the same.
    async fn land<'a>(
        &'a self,
        table: &'a Table,
        land: impl Fn() -> BoxFuture<'a, Result<Collected, LakeError>> + Send,
    ) -> Result<Collected, IngestError> {
        for _ in 0..STRANGERS {
            match land().await {
                Err(LakeError::MovedOn { .. }) => table.acknowledge(table.version()).await,
                landed => return Ok(landed?),
            }
        }
        Ok(land().await?)
    }

    /// What the next commit says of the feed.
    async fn record(&self, table: &Table, feed: &Feed) -> Result<FeedRecord, LakeError> {
        let landing = table.landings(feed).await? + 1;
        Ok(FeedRecord { feed: feed.clone(), landing, ingestion_id: Uuid::now_v7() })
    }
}

impl std::ops::AddAssign for Collected {
    fn add_assign(&mut self, more: Self) {
        self.landed += more.landed;
        self.revised += more.revised;
        self.unchanged += more.unchanged;
        self.refused += more.refused;
    }
}

fn count(metrics: &Metrics, kind: &str, collected: &Collected) {
    let counts = [
        ("landed", collected.landed),
        ("revised", collected.revised),
        ("unchanged", collected.unchanged),
        ("refused", collected.refused),
    ];
    for (outcome, count) in counts {
        metrics.feed_items.with_label_values(&[kind, outcome]).inc_by(count as u64);
    }
}
