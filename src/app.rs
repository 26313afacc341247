//! Every shared handle, built once from the settings; no behaviour.

mod lock;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use self::lock::Lock;
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    fleet::{Duty, Fleet},
    ingest::{
        Book, Books, Collector, Concerns, Follower, IngestError, Lander, NotOffered, Reconciler,
        Roster, Source, StoredSpending, catch_up, closed_until, lineage, take_over,
    },
    jobs::Queue,
    lake::{Lake, LakeError},
    lifecycle::Lifecycle,
    market::{Feed, InstrumentId, ProviderId, Series, Timeframe},
    providers::{Context, Origin, Providers},
    quality::reasons,
    query::{Freshness, Verdict, freshness},
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
    pub providers: Providers,
    pub roster: Roster,
    pub fleet: Arc<Fleet>,
    pub books: Arc<Books>,
    pub follower: Follower,
    pub lander: Arc<Lander>,
    pub reconciler: Reconciler,
    pub collector: Collector,
    pub queue: Queue,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    /// Held while this process uses the lake.
    _lock: Lock,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("another process is using the lake (it holds {0}); stop it first")]
    Locked(PathBuf),
    #[error(
        "the lake is used with another control store (so says {0}); give this process the same \
         store.url or a lake of its own"
    )]
    OtherStore(PathBuf),
    #[error(
        "the control store belongs to another lake, with which other replicas use it; give this \
         process the same lake.path or a store of its own"
    )]
    OtherLake,
    #[error("the lake folder cannot be used")]
    Folder(#[from] std::io::Error),
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    #[error("the HTTP client cannot be set up")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    NotOffered(#[from] NotOffered),
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

    /// Like `start`, for a command that must have store and lake for itself.
    pub fn start_alone(config: Config) -> BoxFuture<'static, Result<Arc<Self>, StartError>> {
        Box::pin(async move {
            let clock = SystemClock::scaled(config.clock.origin, config.clock.speed);
            Self::start_among(config, Arc::new(clock), false).await
        })
    }

    /// Like `start`, with the time given.
    pub fn start_with_clock(
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> BoxFuture<'static, Result<Arc<Self>, StartError>> {
        let is_shared = config.store_url.is_postgres();
        Self::start_among(config, clock, is_shared)
    }

    fn start_among(
        config: Config,
        clock: Arc<dyn Clock>,
        is_shared: bool,
    ) -> BoxFuture<'static, Result<Arc<Self>, StartError>> {
        Box::pin(async move {
            let lock = Lock::of(&config.lake.path, is_shared).await?;
            let metrics = Metrics::new()?;
            let lifecycle = Lifecycle::new();
            let store = Store::open(&config.store_url).await?;
            if is_shared {
                lock.claim(&store.identity(&uuid::Uuid::now_v7().to_string()).await?).await?;
            }
            let lake = Lake::open(&config.lake, &metrics).await?;
            if is_shared {
                belong(&config, &store, &lake, clock.now()).await?;
            }
            let context = Context {
                clock: &clock,
                metrics: &metrics,
                spend_log: Some(Arc::new(StoredSpending::of_daemon(&store))),
            };
            let providers = Providers::open(&config.providers, &context)?;
            for provider in providers.iter() {
                metrics.expect(provider.id().as_str(), reasons());
            }
            let asked = providers.iter().map(|provider| provider.id().clone());
            let context = (&clock, &metrics);
            let fleet = Arc::new(if is_shared {
                Fleet::join(&config, &store, context, asked).await?
            } else {
                Fleet::alone(&config, &store, context, asked)
            });
            let known = store.series().await?;
            let books = Arc::new(Books::restore(&known, config.calendars, &providers));
            let is_ours = |provider: &ProviderId| fleet.has_books_of(provider);
            let caught_up = catch_up(&lake, &store, &books, &is_ours).await;
            let is_current = is_unfenced(caught_up)?;
            let context = (&clock, &lifecycle);
            let both = (&books, &fleet);
            let lander = Lander::start(&lake, &store, both, &metrics, context, &config.lake);
            let follower = Follower::new((&lake, &store), both, &lifecycle);
            let roster = Roster::new(&config.ingest, &providers)?;
            let reconciler =
                Reconciler::new((&books, &lake, &store), (&metrics, &clock), &config.reconcile);
            let handles = (&lake, &store, &providers);
            let context = (&clock, &metrics, &lifecycle);
            let collector = Collector::new(handles, context, (&config.feeds, &fleet)).await?;
            let app = Arc::new(Self {
                queue: Queue::new(&metrics),
                lander: Arc::new(lander),
                reconciler,
                collector,
                config,
                clock,
                store,
                lake,
                providers,
                roster,
                fleet,
                books,
                follower,
                metrics,
                lifecycle,
                _lock: lock,
            });
            let opened = app.open_books(&|provider| app.fleet.has_books_of(provider)).await;
            if is_unfenced(opened)? && is_current {
                for duty in app.fleet.arrived() {
                    app.fleet.ready(&duty);
                }
            }
            Ok(app)
        })
    }

    /// Takes up what has become this replica's duty since the last time; tells whose books that were.
    pub fn take_up(&self) -> BoxFuture<'_, Result<Vec<ProviderId>, IngestError>> {
        Box::pin(async move {
            let mut taken_up = Vec::new();
            for duty in self.fleet.arrived() {
                if let Duty::Provider(provider) = &duty {
                    self.take_up_books(provider).await?;
                    taken_up.push(provider.clone());
                }
                self.fleet.ready(&duty);
            }
            Ok(taken_up)
        })
    }

    /// Learns what another replica has done for a provider, before anything is asked of it here.
    async fn take_up_books(&self, provider: &ProviderId) -> Result<(), IngestError> {
        let _turn = self.books.turn().await;
        take_over(&self.lake, &self.store, &self.books, provider).await?;
        self.open_books(&|other| other == provider).await?;
        if let Some(asked) = self.providers.get(provider) {
            asked.client().doubt_budget().await;
        }
        if provider.as_str() == Feed::PROVIDER {
            self.collector.take_over().await?;
        }
        // Before anybody else has its turn: what is committed from now on is taken in as it comes.
        self.fleet.ready(&Duty::Provider(provider.clone()));
        Ok(())
    }

    /// Where candles of a series are asked for; nowhere if it was imported.
    pub fn source(&self, series: &Series) -> Option<Source> {
        let context = (&self.books, &self.lake, &self.clock);
        Source::of(&self.providers, series, &self.config.ingest, context)
    }

    /// How long after its close a candle of the series may still change.
    pub fn settle(&self, series: &Series) -> TimeDelta {
        let provider = self.providers.get(&series.provider);
        provider.map_or(TimeDelta::zero(), |provider| provider.settle(series))
    }

    /// Candles of the series that open before this have closed and settled at `now`.
    pub fn closed_until(&self, series: &Series, now: DateTime<Utc>) -> DateTime<Utc> {
        closed_until(now, self.settle(series), series.timeframe)
    }

    /// The books of the series that are always kept.
    pub fn live_books(&self) -> impl Iterator<Item = Arc<Book>> + '_ {
        self.roster.live().filter_map(|series| self.books.get(series))
    }

    /// How fresh a series is at `now`.
    pub fn freshness(&self, book: &Book, now: DateTime<Utc>) -> Freshness {
        let series = book.series();
        freshness(book, now, self.settle(series), self.config.stale_after(series.timeframe))
    }

    /// The series to read of an asset: of those whose candles may be traded upon the most preferred
    /// one, otherwise the most preferred of all. `None` if nothing is configured.
    pub fn on_duty(&self, asset: &InstrumentId, timeframe: Timeframe) -> Option<Series> {
        let candidates = self.roster.candidates(asset, timeframe);
        let now = self.clock.now();
        let serves = |series: &&Series| {
            self.books.get(series).is_some_and(|book| {
                let verdict = self.freshness(&book, now).verdict;
                matches!(verdict, Verdict::Fresh | Verdict::Closed)
            })
        };
        candidates.iter().find(serves).or(candidates.first()).cloned()
    }

    /// Rows appended since the start.
    pub fn landed(&self) -> u64 {
        let label = |series: &Series| (series.provider.to_string(), series.timeframe.as_str());
        let labels: BTreeSet<_> = self.roster.live().map(label).collect();
        let landed = |(provider, timeframe): &(String, &str)| {
            self.metrics.candles_landed.with_label_values(&[provider.as_str(), timeframe]).get()
        };
        labels.iter().map(landed).sum()
    }

    /// Opens the books of all series, and tells the store of those that are kept here.
    async fn open_books(&self, is_kept: &Concerns<'_>) -> Result<(), IngestError> {
        let mut new = Vec::new();
        for series in self.roster.live() {
            let origin = self.origin(series);
            let is_new = self.books.get(series).is_none();
            let book = self.books.open(series, origin);
            if !is_kept(&series.provider) {
                continue;
            }
            let change = if is_new { Some(book.opening()) } else { book.extend_origin(origin) };
            new.extend(change);
            if self.providers.offer(series) != Some(Origin::Native) {
                book.recheck(self.unchecked(&book));
            }
        }
        Ok(self.store.record(&new, None).await?)
    }

    /// Where the history of a series begins: as far back as is wanted and to be had.
    ///
    /// Every series begins where a 4h candle does, so that the first one has all of its hours.
    fn origin(&self, series: &Series) -> DateTime<Utc> {
        let now = self.clock.now();
        let wanted = Timeframe::H4.floor(now - self.config.ingest.history);
        let finest = lineage(series, &self.providers).pop().unwrap_or_else(|| series.clone());
        let provider = self.providers.get(&series.provider);
        let reach = provider.and_then(|provider| provider.reaches_back_to(&finest, now));
        reach.map_or(wanted, |reach| wanted.max(Timeframe::D1.ceil(reach)))
    }

    /// What may not have been derived yet when the process last ended.
    fn unchecked(&self, book: &Book) -> crate::market::Window {
        let timeframe = book.series().timeframe;
        let due = self.closed_until(book.series(), self.clock.now());
        let watermark = book.with_ledger(|ledger| ledger.watermark(due));
        let recent = due - TimeDelta::days(2);
        let origin = book.with_ledger(crate::market::Ledger::origin);
        crate::market::Window::new(watermark.min(recent).max(origin), due).align(timeframe)
    }
}

/// Another replica may have taken a duty over while this one was starting; what is left is taken up
/// anew then.
fn is_unfenced(outcome: Result<(), IngestError>) -> Result<bool, IngestError> {
    match outcome {
        Err(IngestError::Store(error)) if error.is_fenced() => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// Makes the store belong to this lake, unless others use it with another one.
async fn belong(
    config: &Config,
    store: &Store,
    lake: &Lake,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let own = lake.candles(Timeframe::M1).id()?;
    let former = store.lake_id().await?;
    if former.as_ref() == Some(&own) {
        return Ok(());
    }
    let name = config.replica.name(config.server.bind);
    if former.is_some() && Fleet::has_others(store, (&name, config.replica.lease), now).await? {
        return Err(StartError::OtherLake);
    }
    Ok(store.adopt_lake(former.as_deref(), &own).await?)
}
