//! Every shared handle, built once from the settings; no behaviour.

mod books;
mod lock;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use self::{books::is_unfenced, lock::Lock};
use crate::{
    access::Access,
    clock::{Clock, SystemClock},
    config::Config,
    fleet::Fleet,
    ingest::{
        Book, Books, Collector, Follower, IngestError, Keeper, Lander, NotOffered, Present,
        Reconciler, Recorder, Replayer, Roster, Running, Schedule, Schedules, Source,
        StoredSpending, catch_up, seeds,
    },
    jobs::Queue,
    lake::{Lake, LakeError},
    lifecycle::Lifecycle,
    lineage::Lineage,
    market::{InstrumentId, ProviderId, Series, Timeframe},
    models::{ModelError, Models},
    providers::{Context, Providers},
    quality::reasons,
    query::{Answers, Freshness, Parts, Readings, Verdict, freshness},
    sql::Sql,
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
    /// What is kept, as last read from the store.
    present: Present,
    pub schedules: Schedules,
    pub fleet: Arc<Fleet>,
    pub books: Arc<Books>,
    pub follower: Follower,
    pub lander: Arc<Lander>,
    pub recorder: Arc<Recorder>,
    pub reconciler: Reconciler,
    pub replayer: Replayer,
    pub collector: Collector,
    pub keeper: Arc<Keeper>,
    pub queue: Queue,
    pub running: Running,
    /// What was answered within this second.
    pub answers: Answers,
    pub parts: Parts,
    pub readings: Readings,
    pub sql: Arc<Sql>,
    pub models: Arc<Models>,
    /// Held by whoever looks whether everything holds.
    pub verifying: Arc<tokio::sync::Mutex<()>>,
    pub access: Access,
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
    #[error(transparent)]
    Model(#[from] ModelError),
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
            let identity = store.identity(&uuid::Uuid::now_v7().to_string()).await?;
            if is_shared {
                lock.claim(&identity).await?;
            }
            let lake = Lake::open(&config.lake, &metrics).await?;
            lake.claim(&identity).await?;
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
            let present = present(&config, &store, &providers, clock.now()).await?;
            let schedules = Schedules::new(store.schedules().await?, clock.now());
            let lander = Arc::new(lander);
            let handles = (&lake, &store, &providers);
            let recorder = Recorder::start((&lake, &store), (&clock, &metrics, &lifecycle), &fleet);
            let replayer = Replayer::new(handles, &books, (&lander, &recorder));
            let reconciler =
                Reconciler::new((&books, &lake, &store), (&metrics, &clock), &config.reconcile);
            let context = (&clock, &metrics, &lifecycle);
            let collector = Collector::new(handles, context, (&config.feeds, &fleet)).await?;
            let keeper = Keeper::new((&lake, &store), &fleet, context).await?;
            let sql = Arc::new(Sql::start(&config.sql)?);
            let lineage = Lineage::start(&config.lineage, context)?;
            let with = (&sql, lineage);
            let models = Models::new((&lake, &store, &books), &config, with, (&clock, &metrics))?;
            let app = Arc::new(Self {
                queue: Queue::new(&metrics, config.ingest.workers),
                running: Running::default(),
                lander,
                recorder,
                answers: Answers::default(),
                parts: Parts::default(),
                readings: Readings::default(),
                sql,
                models: Arc::new(models),
                verifying: Arc::default(),
                access: Access::new(&store, &clock, &lifecycle, &config.server),
                reconciler,
                replayer,
                collector,
                keeper: Arc::new(keeper),
                config,
                clock,
                store,
                lake,
                providers,
                present,
                schedules,
                fleet,
                books,
                follower,
                metrics,
                lifecycle,
                _lock: lock,
            });
            app.hold_up_compaction();
            let is_kept = |provider: &ProviderId| app.fleet.has_books_of(provider);
            let opened = app.open_books((&app.roster(), None), &is_kept).await;
            if is_unfenced(opened)? && is_current {
                for duty in app.fleet.arrived() {
                    app.fleet.ready(&duty);
                }
            }
            Ok(app)
        })
    }

    /// The name under which this process holds what it has in work.
    pub fn replica(&self) -> &str {
        self.fleet.name()
    }

    /// What is kept at present. Whoever asks twice may get two answers.
    pub fn roster(&self) -> Arc<Roster> {
        self.present.roster()
    }

    fn hold_up_compaction(&self) {
        let is_held_up = self.schedules.is_paused(Schedule::Compact);
        self.lake.all().iter().for_each(|table| table.hold_up_compaction(is_held_up));
    }

    /// Where candles of a series are asked for; nowhere if it was imported.
    pub fn source(&self, series: &Series) -> Option<Source> {
        let context = (&self.books, &self.lake, &self.clock);
        Source::of(&self.providers, series, &self.config.ingest, context)
    }

    /// How long after its close a candle of the series may still change.
    pub fn settle(&self, series: &Series) -> TimeDelta {
        self.books.settle(series)
    }

    /// Candles of the series that open before this have closed and settled at `now`.
    pub fn closed_until(&self, series: &Series, now: DateTime<Utc>) -> DateTime<Utc> {
        self.books.closed_until(series, now)
    }

    /// The books of the series that are always kept.
    pub fn live_books(&self) -> impl Iterator<Item = Arc<Book>> + use<> {
        let roster = self.roster();
        let books: Vec<_> = roster.live().filter_map(|series| self.books.get(series)).collect();
        books.into_iter()
    }

    /// How fresh a series is at `now`.
    pub fn freshness(&self, book: &Book, now: DateTime<Utc>) -> Freshness {
        let series = book.series();
        freshness(book, now, self.settle(series), self.config.stale_after(series.timeframe))
    }

    /// The series to read of an asset: of those whose candles may be traded upon the most preferred
    /// one, otherwise the most preferred of all. `None` if nothing is configured.
    pub fn on_duty(&self, asset: &InstrumentId, timeframe: Timeframe) -> Option<Series> {
        self.on_duty_at(asset, timeframe, self.clock.now())
    }

    /// Like `on_duty`, as of `now`.
    pub fn on_duty_at(
        &self,
        asset: &InstrumentId,
        timeframe: Timeframe,
        now: DateTime<Utc>,
    ) -> Option<Series> {
        let roster = self.roster();
        let candidates = roster.candidates(asset, timeframe);
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
        let labels: BTreeSet<_> = self.roster().live().map(label).collect();
        let landed = |(provider, timeframe): &(String, &str)| {
            self.metrics.candles_landed.with_label_values(&[provider.as_str(), timeframe]).get()
        };
        labels.iter().map(landed).sum()
    }
}

/// What is kept: the settings are the seed, the store is the truth.
async fn present(
    config: &Config,
    store: &Store,
    providers: &Providers,
    now: DateTime<Utc>,
) -> Result<Present, StartError> {
    let kept = store.kept_assets().await?;
    let seeds = seeds(&config.ingest, providers, &kept, now)?;
    store.seed_assets(&seeds).await?;
    let revision = store.roster_revision().await?;
    let roster = Roster::new(&store.kept_assets().await?, &config.ingest, providers);
    Ok(Present::new(revision, roster))
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
