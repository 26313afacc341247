//! Every shared handle, built once from the settings; no behaviour.

use std::{collections::BTreeSet, fs::File, path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use crate::{
    access::Access,
    clock::{Clock, SystemClock},
    config::Config,
    ingest::{
        Book, Books, Collector, IngestError, Lander, NotOffered, Present, Reconciler, Replayer,
        Role, Roster, Running, Schedule, Schedules, Source, StoredSpending, catch_up, closed_until,
        lineage, seeds,
    },
    jobs::Queue,
    lake::{Lake, LakeError},
    lifecycle::Lifecycle,
    market::{InstrumentId, Series, Timeframe},
    providers::{Context, Origin, Providers},
    quality::reasons,
    query::{Answers, Freshness, Verdict, freshness},
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
    pub books: Arc<Books>,
    pub lander: Arc<Lander>,
    pub reconciler: Reconciler,
    pub replayer: Replayer,
    pub collector: Collector,
    pub queue: Queue,
    pub running: Running,
    /// What was answered within this second.
    pub answers: Answers,
    pub access: Access,
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
            let context = Context {
                clock: &clock,
                metrics: &metrics,
                spend_log: Some(Arc::new(StoredSpending::of_daemon(&store))),
            };
            let providers = Providers::open(&config.providers, &context)?;
            for provider in providers.iter() {
                metrics.expect(provider.id().as_str(), reasons());
            }
            let known = store.series().await?;
            let books = Arc::new(Books::restore(&known, config.calendars, &providers));
            catch_up(&lake, &store, &books).await?;
            let context = (&clock, &lifecycle);
            let lander = Lander::start(&lake, &store, &books, &metrics, context, &config.lake);
            let kept = store.kept_assets().await?;
            let seeds = seeds(&config.ingest, &providers, &kept, clock.now())?;
            store.seed_assets(&seeds).await?;
            let revision = store.roster_revision().await?;
            let roster = Roster::new(&store.kept_assets().await?, &config.ingest, &providers);
            let schedules = Schedules::new(store.schedules().await?);
            let lander = Arc::new(lander);
            let replayer = Replayer::new((&lake, &store, &providers), &books, &lander);
            let reconciler =
                Reconciler::new((&books, &lake, &store), (&metrics, &clock), &config.reconcile);
            let handles = (&lake, &store, &providers);
            let context = (&clock, &metrics, &lifecycle);
            let collector = Collector::new(handles, context, &config.feeds).await?;
            let app = Arc::new(Self {
                queue: Queue::new(&metrics, config.ingest.workers),
                running: Running::default(),
                lander,
                answers: Answers::default(),
                access: Access::new(&store, &clock, &lifecycle, &config.server),
                reconciler,
                replayer,
                collector,
                config,
                clock,
                store,
                lake,
                providers,
                present: Present::new(revision, roster),
                schedules,
                books,
                metrics,
                lifecycle,
                _lock: lock,
            });
            app.open_books(&app.roster(), None).await?;
            app.hold_up_compaction();
            Ok(app)
        })
    }

    /// The name under which this process holds what it has in work.
    pub fn replica(&self) -> &'static str {
        "local"
    }

    /// What is kept at present. Whoever asks twice may get two answers.
    pub fn roster(&self) -> Arc<Roster> {
        self.present.roster()
    }

    /// Takes in what was decided since the last time, here or on another replica. The answer is
    /// which schedules are to tick at once.
    pub async fn take_up(&self) -> Result<Vec<Schedule>, IngestError> {
        let _turn = self.present.turn.lock().await;
        let revision = self.store.roster_revision().await?;
        if revision == self.present.revision() {
            return Ok(Vec::new());
        }
        let kept = self.store.kept_assets().await?;
        let schedules = self.store.schedules().await?;
        let roster = Roster::new(&kept, &self.config.ingest, &self.providers);
        // Whoever sees the roster finds a book of everything in it.
        self.open_books(&roster, Some(&self.roster())).await?;
        self.present.replace(revision, roster);
        self.books.changed();
        let due = self.schedules.take_up(schedules);
        self.hold_up_compaction();
        Ok(due)
    }

    fn hold_up_compaction(&self) {
        let is_held_up = self.schedules.is_paused(Schedule::Compact);
        self.lake.every_table().for_each(|table| table.hold_up_compaction(is_held_up));
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

    /// Opens the books of the series that are always kept. One that was not kept under `before` owes
    /// what it has missed, as far back as history is wanted.
    async fn open_books(
        &self,
        roster: &Roster,
        before: Option<&Roster>,
    ) -> Result<(), IngestError> {
        let mut new = Vec::new();
        for series in roster.live() {
            let origin = self.origin(series);
            let is_new = self.books.get(series).is_none();
            let book = self.books.open(series, origin);
            let change = if is_new { Some(book.opening()) } else { book.extend_origin(origin) };
            new.extend(change);
            if before.is_some_and(|before| before.role(series) != Role::Kept) {
                new.extend(book.waive_unasked(origin));
            }
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
