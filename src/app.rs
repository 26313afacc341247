//! Every shared handle, built once from the settings; no behaviour.

use std::{fs::File, path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    ingest::{Book, Books, IngestError, Lander, Source, catch_up, closed_until},
    jobs::Queue,
    lake::{Lake, LakeError},
    lifecycle::Lifecycle,
    market::{Series, Timeframe},
    providers::{Coinbase, HttpClient, Origin, Provider},
    store::{Store, StoreError},
    telemetry::Metrics,
};

/// What the service, the commands and the tests work with.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub store: Store,
    pub lake: Lake,
    pub provider: Arc<dyn Provider>,
    pub books: Arc<Books>,
    pub lander: Arc<Lander>,
    pub queue: Queue,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    /// Held while this process owns the lake.
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("another process is using the lake (it holds {0}); stop it first")]
    Locked(PathBuf),
    #[error("the lake folder cannot be used")]
    Folder(#[from] std::io::Error),
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    #[error("the HTTP client cannot be set up")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl App {
    /// Opens store and lake, makes them agree, and opens the books of every configured series.
    pub fn start(config: Config) -> BoxFuture<'static, Result<Arc<Self>, StartError>> {
        Box::pin(async move {
            let clock = SystemClock::scaled(config.clock.origin, config.clock.speed);
            Self::start_with_clock(config, Arc::new(clock)).await
        })
    }

    /// Like `start`, with the time given.
    pub fn start_with_clock(
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> BoxFuture<'static, Result<Arc<Self>, StartError>> {
        Box::pin(async move {
            let lock = lock(&config)?;
            let metrics = Metrics::new()?;
            let lifecycle = Lifecycle::new();
            let store = Store::open(&config.store_url).await?;
            let lake = Lake::open(&config.lake, &metrics).await?;
            let books = Arc::new(Books::restore(&store.series().await?)?);
            catch_up(&lake, &store, &books).await?;
            let context = (&clock, &lifecycle);
            let lander = Lander::start(&lake, &store, &books, &metrics, context, &config.lake);
            let provider_id = config.ingest.provider.clone();
            let http = HttpClient::new(
                provider_id.clone(),
                &config.coinbase,
                clock.clone(),
                metrics.clone(),
            )?;
            let provider = Arc::new(Coinbase::new(provider_id, &config.coinbase, http));
            let app = Arc::new(Self {
                queue: Queue::new(&metrics),
                lander: Arc::new(lander),
                config,
                clock,
                store,
                lake,
                provider,
                books,
                metrics,
                lifecycle,
                _lock: lock,
            });
            app.open_books().await?;
            Ok(app)
        })
    }

    /// Where candles of a series are asked for.
    pub fn source(&self, series: &Series) -> Source {
        let context = (&self.books, &self.lake, &self.clock);
        Source::of(&self.provider, series, &self.config.ingest, context)
    }

    /// Candles of the timeframe that open before this have closed and settled at `now`.
    pub fn closed_until(&self, timeframe: Timeframe, now: DateTime<Utc>) -> DateTime<Utc> {
        closed_until(now, self.provider.settle(), timeframe)
    }

    /// The books of the configured series.
    pub fn live_books(&self) -> impl Iterator<Item = Arc<Book>> + '_ {
        self.config.series().filter_map(|series| self.books.get(&series))
    }

    /// Rows appended since the start.
    pub fn landed(&self) -> u64 {
        let series = self.config.series();
        let labels: std::collections::BTreeSet<_> =
            series.map(|series| (series.provider.to_string(), series.timeframe.as_str())).collect();
        let landed = |(provider, timeframe): &(String, &str)| {
            self.metrics.candles_landed.with_label_values(&[provider.as_str(), timeframe]).get()
        };
        labels.iter().map(landed).sum()
    }

    async fn open_books(&self) -> Result<(), IngestError> {
        // Every series begins where a 4h candle does, so that the first one has all of its hours.
        let origin = Timeframe::H4.floor(self.clock.now() - self.config.ingest.history);
        let mut new = Vec::new();
        for series in self.config.series() {
            let is_new = self.books.get(&series).is_none();
            let book = self.books.open(&series, origin)?;
            let change = if is_new { Some(book.opening()) } else { book.extend_origin(origin) };
            new.extend(change);
            if self.provider.origin(series.timeframe) != Origin::Native {
                book.recheck(self.unchecked(&book));
            }
        }
        Ok(self.store.record(&new, None).await?)
    }

    /// What may not have been derived yet when the process last ended.
    fn unchecked(&self, book: &Book) -> crate::market::Window {
        let timeframe = book.series().timeframe;
        let due = self.closed_until(timeframe, self.clock.now());
        let watermark = book.with_ledger(|ledger| ledger.watermark(due));
        let recent = due - TimeDelta::days(2);
        let origin = book.with_ledger(crate::market::Ledger::origin);
        crate::market::Window::new(watermark.min(recent).max(origin), due).align(timeframe)
    }
}

/// Two processes on one lake would refuse each other's commits all day.
fn lock(config: &Config) -> Result<File, StartError> {
    std::fs::create_dir_all(&config.lake.path)?;
    let path = config.lake.path.join(".barkeep.lock");
    let file = File::options().create(true).append(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::Locked(path)),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
