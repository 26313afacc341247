//! Models: tables of silver and gold that are made of others, by SQL, and kept as new as those are.
//!
//! ```text
//! header.rs    what a model says of itself     shelf.rs  where models come from
//! graph.rs     which is built before which
//! source.rs ─► spans.rs ─► needed.rs ─► the query ─► check.rs ─► lake::managed
//! what has     which        rows back to   (bench.rs)  its tests    merged by key,
//! changed      series,      the reach,                              or published at once
//! since        when         and on to it
//! ```
//!
//! What is not a table of the lake: said.rs has what the settings say, coverage.rs what became of every
//! candle. From scratch a table is built in pieces.rs.
//!
//! A build that fails publishes nothing, so the last good version stays; the models that do not read it
//! are built all the same. Building again is harmless: rows that are the same are not written.

mod bench;
mod build;
mod check;
mod coverage;
mod error;
mod graph;
mod header;
mod kept;
mod needed;
mod pieces;
mod said;
mod shelf;
mod source;
mod spans;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

use self::{
    bench::Bench,
    build::{Build, Built},
    coverage::Coverage,
    source::{Source, World},
};
pub use self::{
    check::Outcome,
    error::ModelError,
    header::{HeaderError, Increment, Model, Reach, Severity, Test},
    needed::literal,
    said::preference,
    source::Versions,
};
use crate::{
    clock::Clock,
    config::Config,
    error::chain,
    ingest::Books,
    lake::Lake,
    lineage::Lineage,
    sql::Sql,
    store::{BuildOutcome, KeptBuild, KeptModel, Store},
    telemetry::Metrics,
};

/// Every model, and what is known of their builds.
pub struct Models {
    all: Vec<Model>,
    lake: Lake,
    store: Store,
    books: Arc<Books>,
    config: Config,
    coverage: Coverage,
    sql: Arc<Sql>,
    lineage: Lineage,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// By model: when it is to be looked at again after a failure.
    retry_at: Mutex<BTreeMap<String, DateTime<Utc>>>,
    is_running: AtomicBool,
}

/// What is under way, until this is dropped.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Models {
    /// Reads every model. Fails if one of them cannot be understood, or they read one another in a circle.
    pub fn new(
        (lake, store, books): (&Lake, &Store, &Arc<Books>),
        config: &Config,
        (sql, lineage): (&Arc<Sql>, Lineage),
        (clock, metrics): (&Arc<dyn Clock>, &Metrics),
    ) -> Result<Self, ModelError> {
        let models = shelf::models(config.models.folder.as_deref())?;
        let may_come = |input: &str| {
            let is_built = models.iter().any(|model| model.name.as_str() == input);
            is_built || input.starts_with("user.") || Source::is_always_there(input, lake)
        };
        for model in &models {
            if let Some(input) = graph::reads(model).find(|input| !may_come(input)) {
                let (model, input) = (model.name.to_string(), input.to_owned());
                return Err(ModelError::NoInput { model, input });
            }
        }
        for model in &models {
            let name = model.name.as_str();
            for outcome in BuildOutcome::ALL {
                metrics.model_builds.with_label_values(&[name, outcome.as_str()]).inc_by(0);
            }
            metrics.model_fresh.with_label_values(&[name]).set(0);
        }
        Ok(Self {
            all: models,
            lake: lake.clone(),
            store: store.clone(),
            books: books.clone(),
            coverage: Coverage::new(clock.now()),
            config: config.clone(),
            sql: sql.clone(),
            lineage,
            clock: clock.clone(),
            metrics: metrics.clone(),
            retry_at: Mutex::default(),
            is_running: AtomicBool::new(false),
        })
    }

    /// In the order in which they are built.
    pub fn all(&self) -> &[Model] {
        &self.all
    }

    pub fn named(&self, name: &str) -> Result<&Model, ModelError> {
        let found = self.all.iter().find(|model| model.name.as_str() == name);
        found.ok_or_else(|| ModelError::Unknown(name.to_owned()))
    }

    /// What a table is made of directly; nothing, if it is no model's.
    pub fn reads(&self, table: &str) -> Vec<String> {
        let model = self.named(table).into_iter();
        model.flat_map(graph::reads).map(str::to_owned).collect()
    }

    /// Everything that a table is made of, sources first.
    pub fn upstream(&self, table: &str) -> Vec<String> {
        graph::upstream(&self.all, table)
    }

    /// Everything that is made of a table. A table of candles is read under the name of all of them.
    pub fn downstream(&self, table: &str) -> Vec<String> {
        let is_of_candles = self.lake.tables().any(|candles| candles.name() == table);
        graph::downstream(&self.all, if is_of_candles { source::CANDLES } else { table })
    }

    /// Runs the tests of a model on every row of its table; none if it has not been built.
    pub fn test_now<'a>(
        self: &'a Arc<Self>,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, ModelError>> {
        Box::pin(async move {
            let (models, model) = (self.clone(), self.named(name)?.clone());
            let tested = self.sql.beside(async move {
                let world = models.world();
                let Some(own) = Source::find(model.name.as_str(), world).await? else {
                    return Ok(Vec::new());
                };
                let mut sources = vec![own];
                for name in &model.with {
                    let Some(source) = Source::find(name, world).await? else {
                        return Ok(Vec::new());
                    };
                    sources.push(source);
                }
                let bench = Bench::new(&model, models.sql.workbench(), &sources).await?;
                bench.offer(&model.with).await?;
                let rows = format!("select * from {}", bench::whole(model.name.as_str()));
                bench.select(check::BUILT, &rows).await?;
                check::check(&bench).await
            });
            tested.await.ok_or(ModelError::Stopped)?
        })
    }

    /// Whether a build is under way here.
    pub fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Acquire)
    }

    /// Builds, one after the other, every model of which an input has changed and that is not to wait.
    /// How many were built. Fails with `UnderWay` if that is being done.
    pub fn build_due(self: &Arc<Self>) -> BoxFuture<'_, Result<usize, ModelError>> {
        Box::pin(async move {
            if !self.config.models.build {
                return Ok(0);
            }
            let _running = self.turn()?;
            let state = self.state().await?;
            let mut built = 0;
            for model in &self.all {
                if self.is_due(model, state.get(model.name.as_str())).await? {
                    built += usize::from(self.build_one(model).await.is_ok());
                }
            }
            Ok(built)
        })
    }

    /// Builds one model now, from what has changed, or from scratch.
    pub fn build_now<'a>(
        self: &'a Arc<Self>,
        name: &'a str,
        from_scratch: bool,
    ) -> BoxFuture<'a, Result<KeptBuild, ModelError>> {
        Box::pin(async move {
            let _running = self.turn()?;
            let model = self.named(name)?;
            if from_scratch {
                self.store.forget_model(name).await?;
            }
            self.build_one(model).await
        })
    }

    fn turn(&self) -> Result<Running<'_>, ModelError> {
        if self.is_running.swap(true, Ordering::AcqRel) {
            return Err(ModelError::UnderWay);
        }
        Ok(Running(&self.is_running))
    }

    async fn state(&self) -> Result<BTreeMap<String, KeptModel>, ModelError> {
        let models = self.store.models().await?;
        Ok(models.into_iter().map(|state| (state.model.clone(), state)).collect())
    }

    fn world(&self) -> World<'_> {
        World {
            lake: &self.lake,
            books: &self.books,
            config: &self.config,
            coverage: &self.coverage,
            now: self.clock.now(),
        }
    }

    async fn is_due(&self, model: &Model, state: Option<&KeptModel>) -> Result<bool, ModelError> {
        let now = self.clock.now();
        let name = model.name.as_str();
        if self.waiting().get(name).is_some_and(|at| *at > now) {
            return Ok(false);
        }
        let state = state.filter(|state| state.fingerprint == model.fingerprint);
        let pause = model.every.max(self.config.models.linger);
        if state.is_some_and(|state| state.built_at + pause > now) {
            return Ok(false);
        }
        let mut has_news = state.is_none();
        for input in graph::reads(model) {
            // It waits for what it reads.
            let Some(source) = Source::find(input, self.world()).await? else { return Ok(false) };
            let is_news = |(table, version): (&String, &u64)| {
                state.is_none_or(|state| state.inputs.get(table) != Some(version))
            };
            has_news |= source.versions().iter().any(is_news);
        }
        Ok(has_news)
    }

    /// Builds, and writes down how it went.
    async fn build_one(self: &Arc<Self>, model: &Model) -> Result<KeptBuild, ModelError> {
        let (run, started_at) = (Uuid::now_v7(), self.clock.now());
        let name = model.name.to_string();
        let timer = self.metrics.model_seconds.with_label_values(&[&*name]).start_timer();
        let (models, own) = (self.clone(), model.clone());
        let built = self.sql.beside(async move {
            let state = models.state().await?;
            let workbench = || models.sql.workbench();
            let build = Build { model: &own, world: models.world(), workbench: &workbench, run };
            build.run(state.get(own.name.as_str())).await
        });
        let built = built.await.ok_or(ModelError::Stopped).and_then(|built| built);
        timer.observe_duration();
        let ended_at = self.clock.now();
        let mut kept = KeptBuild {
            run: run.to_string(),
            model: name.clone(),
            started_at,
            ended_at,
            outcome: BuildOutcome::Failed,
            is_whole: false,
            inserted: 0,
            updated: 0,
            unchanged: 0,
            removed: 0,
            version: 0,
            inputs: Versions::new(),
            tests: "[]".to_owned(),
            error: None,
        };
        let failed = match built {
            Ok(Some(built)) => {
                self.built(model, built, &mut kept).await?;
                None
            }
            Ok(None) => Some(ModelError::NoInput {
                model: name.clone(),
                input: graph::reads(model).collect::<Vec<_>>().join(", "),
            }),
            Err(error) => Some(error),
        };
        let outcome = kept.outcome.as_str();
        self.metrics.model_builds.with_label_values(&[&*name, outcome]).inc();
        let Some(error) = failed else {
            self.tell(model, &kept);
            return Ok(kept);
        };
        self.waiting().insert(name.clone(), ended_at + self.config.models.retry);
        tracing::warn!(model = name, error = chain(&error), "a model is not built");
        kept.error = Some(chain(&error));
        self.tell(model, &kept);
        self.store.keep_build(&kept, None).await?;
        Err(error)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, DateTime<Utc>>> {
        self.retry_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.all.iter().map(|model| model.name.as_str()).collect();
        f.debug_struct("Models").field("models", &names).finish_non_exhaustive()
    }
}
