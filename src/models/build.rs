//! One build of one model: what has changed is found, built, tested, and only then published.

use std::{collections::BTreeSet, sync::Arc};

use deltalake::{
    arrow::{
        array::{BooleanArray, RecordBatch},
        compute::{concat_batches, filter_record_batch},
        datatypes::{Field, Schema, SchemaRef},
        error::ArrowError,
        row::{RowConverter, SortField},
    },
    datafusion::prelude::SessionContext,
};
use uuid::Uuid;

use super::{
    Increment, Model, ModelError, Outcome, Versions,
    bench::{Bench, settled},
    check::{self, BUILT},
    needed::Axes,
    source::{Source, World},
    spans::{Span, groups, spans},
};
use crate::{
    lake::{BuildRecord, CommitRecord, Definition, NewColumns, Rest, Staged, Table, Written},
    store::KeptModel,
};

/// What a build has come to.
#[derive(Debug, Clone)]
pub(super) struct Built {
    /// Which version of each input it has read.
    pub inputs: Versions,
    pub written: Written,
    pub tests: Vec<Outcome>,
    /// It was built from nothing but the inputs.
    pub is_whole: bool,
}

/// What is to be built.
enum Affected {
    Nothing,
    /// All of it, from scratch.
    Everything,
    Spans(Vec<Span>),
}

/// Part of what is built.
struct Piece {
    rows: Vec<RecordBatch>,
    schema: SchemaRef,
    tests: Vec<Outcome>,
}

/// As the table is called as it was before.
const BEFORE: &str = "whole.before";
/// Spans that are built at a time.
const SPANS: usize = 20_000;

pub(super) struct Build<'a> {
    pub(super) model: &'a Model,
    pub(super) world: World<'a>,
    pub(super) workbench: &'a (dyn Fn() -> SessionContext + Send + Sync),
    pub(super) run: Uuid,
}

impl Build<'_> {
    /// Builds what has changed since `state`, or everything without one. The answer is `None` while an
    /// input is not there yet.
    pub(super) async fn run(&self, state: Option<&KeptModel>) -> Result<Option<Built>, ModelError> {
        let Some(sources) = self.sources().await? else { return Ok(None) };
        let is_same = |state: &&KeptModel| state.fingerprint == self.model.fingerprint;
        let table = self.world.lake.find(&self.model.name).await?;
        let known = state.filter(is_same).filter(|_| table.is_some());
        let (inputs, affected) = self.affected(&sources, known.map(|state| &state.inputs)).await?;
        let number = match &table {
            Some(table) => table.landings(&format!("model/{}", self.model.name)).await? + 1,
            None => 1,
        };
        let record = CommitRecord::of_build(BuildRecord {
            model: self.model.name.to_string(),
            number,
            run: self.run,
            inputs: inputs.clone(),
        });
        let is_whole = matches!(affected, Affected::Everything);
        let (written, tests) = match affected {
            Affected::Nothing => {
                let version = table.map_or(0, |table| table.version());
                (Written { version, ..Written::default() }, Vec::new())
            }
            Affected::Everything => {
                for source in &sources {
                    source.read_all(&inputs);
                }
                self.everything(&sources, &record).await?
            }
            Affected::Spans(spans) => self.spans(&sources, spans, &record).await?,
        };
        Ok(Some(Built { inputs, written, tests, is_whole }))
    }

    /// `None` if one of them is not there.
    async fn sources(&self) -> Result<Option<Vec<Source<'_>>>, ModelError> {
        let mut sources = Vec::new();
        for name in self.model.from.iter().chain(&self.model.with) {
            match Source::find(name, self.world).await? {
                Some(source) => sources.push(source),
                None => return Ok(None),
            }
        }
        Ok(Some(sources))
    }

    async fn affected(
        &self,
        sources: &[Source<'_>],
        since: Option<&Versions>,
    ) -> Result<(Versions, Affected), ModelError> {
        // Before any row is read: what comes in between is read now, and once more next time.
        let now: Versions = sources.iter().flat_map(Source::versions).collect();
        let Some(since) = since else { return Ok((now, Affected::Everything)) };
        if now == *since {
            return Ok((now, Affected::Nothing));
        }
        let Increment::Series { .. } = self.model.increment else {
            return Ok((now, Affected::Everything));
        };
        let axes = self.axes();
        let columns: Vec<&str> =
            axes.series.iter().map(String::as_str).chain([axes.time]).collect();
        let (mut read, mut found) = (Versions::new(), Vec::new());
        for (at, source) in sources.iter().enumerate() {
            let is_with = at >= self.model.from.len();
            let versions = source.versions();
            let is_same = versions.iter().all(|(name, version)| since.get(name) == Some(version));
            if is_same {
                read.extend(versions);
                continue;
            }
            if is_with {
                return Ok((now, Affected::Everything));
            }
            let Some((versions, rows)) = source.changes(since, &columns).await? else {
                return Ok((now, Affected::Everything));
            };
            read.extend(versions);
            found.extend(rows);
        }
        let spans = spans(&found, axes.near()).map_err(|source| self.arrow(source))?;
        let affected = if spans.is_empty() { Affected::Nothing } else { Affected::Spans(spans) };
        Ok((read, affected))
    }

    pub(super) fn axes(&self) -> Axes<'_> {
        match &self.model.increment {
            Increment::Series { columns, time, reach } => {
                Axes { series: columns, time, reach: *reach }
            }
            Increment::Whole => unreachable!("only a series is built in spans"),
        }
    }

    pub(super) fn arrow(&self, source: ArrowError) -> ModelError {
        ModelError::Arrow { model: self.model.name.to_string(), source }
    }

    /// Builds the whole table piece by piece, and publishes it at once. A model without series is one
    /// piece, of which only what differs is written.
    async fn everything(
        &self,
        sources: &[Source<'_>],
        record: &CommitRecord,
    ) -> Result<(Written, Vec<Outcome>), ModelError> {
        if self.model.increment == Increment::Whole {
            let bench = Bench::new(self.model, (self.workbench)(), sources).await?;
            bench.offer(&self.model.from).await?;
            bench.offer(&self.model.with).await?;
            let Piece { rows, schema, tests } = self.built(&bench, None).await?;
            let table = self.table(&schema).await?;
            return Ok((table.merge(&rows, Rest::Goes, record).await?, tests));
        }
        let (mut staged, mut outcomes) = (Staged::default(), Vec::new());
        let mut target = None;
        let mut pieces = self.pieces(sources).await?;
        if pieces.is_empty() {
            pieces.push(Vec::new());
        }
        for piece in pieces {
            let bench = Bench::new(self.model, (self.workbench)(), sources).await?;
            let Piece { rows, schema, tests } = self.piece(&bench, &piece).await?.0;
            check::add(&mut outcomes, tests);
            let table = match &target {
                Some(table) => table,
                None => target.insert(self.table(&schema).await?),
            };
            table.stage(&rows, &mut staged).await?;
        }
        let Some(table) = target else { return Err(ModelError::Stopped) };
        Ok((table.publish_staged(&staged, record).await?, outcomes))
    }

    async fn spans(
        &self,
        sources: &[Source<'_>],
        spans: Vec<Span>,
        record: &CommitRecord,
    ) -> Result<(Written, Vec<Outcome>), ModelError> {
        let own = Source::find(self.model.name.as_str(), self.world).await?;
        let (mut all, mut gone, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        let mut columns = None;
        let groups = groups(spans, SPANS, self.axes().near());
        for group in &groups {
            let bench = Bench::new(self.model, (self.workbench)(), sources).await?;
            let (Piece { rows, schema, tests }, about) = self.piece(&bench, group).await?;
            check::add(&mut outcomes, tests);
            all.extend(rows);
            columns.get_or_insert(schema);
            if let Some(own) = &own {
                gone.extend(self.gone(&bench, own, &about).await?);
            }
        }
        let Some(columns) = columns else { return Err(ModelError::Stopped) };
        if groups.len() > 1 {
            // Late candles and new ones may reach the same rows, which are the same then.
            all = vec![self.once_each(&columns, &all)?];
        }
        let table = self.table(&columns).await?;
        let gone = gone.first().map(|first| self.once_each(&first.schema(), &gone)).transpose()?;
        let rest = gone.as_ref().map_or(Rest::Stays, Rest::Without);
        Ok((table.merge(&all, rest, record).await?, outcomes))
    }

    /// The rows that are there and that the query no longer gives.
    async fn gone(
        &self,
        bench: &Bench<'_>,
        own: &Source<'_>,
        about: &str,
    ) -> Result<Vec<RecordBatch>, ModelError> {
        bench.name(BEFORE, own.rows(&bench.context).await?)?;
        let same = self.model.key.iter().map(|name| format!("o.{name} = b.{name}"));
        let before = format!("select * from {BEFORE} i where {about}");
        let sql = format!(
            "select o.* from ({}) o left anti join {BUILT} b on {}",
            self.axes().affected(&before),
            same.collect::<Vec<_>>().join(" and "),
        );
        let (_, mut batches) = bench.ask(&sql).await?;
        batches.retain(|batch| batch.num_rows() > 0);
        Ok(batches)
    }

    /// The rows that spans affect, tested; and a condition on a table `i`, by which files that cannot have
    /// such rows are passed over.
    async fn piece(
        &self,
        bench: &Bench<'_>,
        spans: &[Span],
    ) -> Result<(Piece, String), ModelError> {
        bench.offer(&self.model.with).await?;
        let axes = self.axes();
        let about = axes.narrow(bench, spans).await?;
        Ok((self.built(bench, Some(axes)).await?, about))
    }

    /// What the query gives; with axes only what is right of it.
    async fn built(&self, bench: &Bench<'_>, axes: Option<Axes<'_>>) -> Result<Piece, ModelError> {
        let sql = match axes {
            None => self.model.query.clone(),
            Some(axes) => axes.affected(&self.model.query),
        };
        let (planned, rows) = bench.ask(&sql).await?;
        let first = rows.first().map_or(planned, RecordBatch::schema);
        let schema = relaxed(&first);
        let alike =
            |batch: RecordBatch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec());
        let rows: Vec<RecordBatch> = rows
            .into_iter()
            .map(alike)
            .collect::<Result<_, _>>()
            .map_err(|source| self.arrow(source))?;
        for name in self.model.key.iter().chain(&self.model.partition_by) {
            if schema.index_of(name).is_err() {
                let (model, column) = (self.model.name.to_string(), name.clone());
                return Err(ModelError::NoColumn { model, column });
            }
        }
        bench.keep(BUILT, &schema, rows.clone())?;
        let tests = check::check(bench).await?;
        check::passed(self.model, &tests)?;
        Ok(Piece { rows, schema, tests })
    }

    /// The table, with every column that the rows have.
    async fn table(&self, rows: &Schema) -> Result<Arc<Table>, ModelError> {
        let columns = settled(rows, &self.model.key);
        if let Some(table) = self.world.lake.find(&self.model.name).await? {
            let more: Vec<Field> =
                columns.fields().iter().map(|field| Field::clone(field)).collect();
            table.widen(&more).await?;
        }
        let definition = Definition {
            name: self.model.name.clone(),
            columns,
            partition_by: self.model.partition_by.clone(),
            key: self.model.key.clone(),
            sort: self.model.sort_by.clone(),
            new_columns: NewColumns::default(),
        };
        Ok(self.world.lake.managed(&definition).await?)
    }

    /// The first of the rows of each key.
    fn once_each(
        &self,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<RecordBatch, ModelError> {
        let arrow = |source| self.arrow(source);
        let rows = concat_batches(schema, batches).map_err(arrow)?;
        let key = self.model.key.iter().map(|name| schema.index_of(name));
        let key =
            rows.project(&key.collect::<Result<Vec<_>, _>>().map_err(arrow)?).map_err(arrow)?;
        let fields = key.columns().iter().map(|column| SortField::new(column.data_type().clone()));
        let converter = RowConverter::new(fields.collect()).map_err(arrow)?;
        let keys = converter.convert_columns(key.columns()).map_err(arrow)?;
        let mut seen = BTreeSet::new();
        let is_first: BooleanArray =
            keys.iter().map(|key| Some(seen.insert(key.owned()))).collect();
        filter_record_batch(&rows, &is_first).map_err(arrow)
    }
}

/// What all batches of a query have in common: the branches of a union differ in what may be null.
fn relaxed(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| Field::new(field.name(), field.data_type().clone(), true);
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}
