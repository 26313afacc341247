//! One build of one model: what has changed is found, built, tested, and only then published.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use deltalake::{
    arrow::{
        array::{AsArray, BooleanArray, RecordBatch},
        compute::{cast, filter_record_batch},
        datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType},
        error::ArrowError,
        row::{RowConverter, SortField},
    },
    datafusion::prelude::SessionContext,
};
use uuid::Uuid;

use super::{
    Increment, Model, ModelError, Outcome, Versions,
    bench::{Bench, settled, whole},
    check::{self, BUILT},
    needed::{Axes, UNITS},
    source::{Source, World, together},
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

/// Rows that are built at a time.
const ROWS: i64 = 400_000;
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
            Affected::Everything => self.everything(&sources, &record).await?,
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

    fn axes(&self) -> Axes<'_> {
        match &self.model.increment {
            Increment::Series { columns, time, reach } => {
                Axes { series: columns, time, reach: *reach }
            }
            Increment::Whole => unreachable!("only a series is built in spans"),
        }
    }

    fn arrow(&self, source: ArrowError) -> ModelError {
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
            for source in sources {
                let sql = format!("select * from {}", whole(&source.name));
                bench.select(&source.name, &sql).await?;
            }
            let (rows, tests) = self.built(&bench, None).await?;
            let table = self.table(&rows.schema()).await?;
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
            let (rows, tests) = self.piece(&bench, &piece).await?;
            check::add(&mut outcomes, tests);
            let table = match &target {
                Some(table) => table,
                None => target.insert(self.table(&rows.schema()).await?),
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
        let (mut pieces, mut outcomes) = (Vec::new(), Vec::new());
        for group in groups(spans, SPANS, self.axes().near()) {
            let bench = Bench::new(self.model, (self.workbench)(), sources).await?;
            let (rows, tests) = self.piece(&bench, &group).await?;
            check::add(&mut outcomes, tests);
            pieces.push(rows);
        }
        // Late candles and new ones may reach the same rows, which are the same then.
        let rows = self.once_each(&pieces)?;
        let table = self.table(&rows.schema()).await?;
        Ok((table.merge(&rows, Rest::Stays, record).await?, outcomes))
    }

    /// The rows that spans affect, tested.
    async fn piece(
        &self,
        bench: &Bench<'_>,
        spans: &[Span],
    ) -> Result<(RecordBatch, Vec<Outcome>), ModelError> {
        for name in &self.model.with {
            bench.select(name, &format!("select * from {}", whole(name))).await?;
        }
        let axes = self.axes();
        axes.narrow(bench, spans).await?;
        self.built(bench, Some(axes)).await
    }

    /// What the query gives; with axes only what is right of it.
    async fn built(
        &self,
        bench: &Bench<'_>,
        axes: Option<Axes<'_>>,
    ) -> Result<(RecordBatch, Vec<Outcome>), ModelError> {
        let sql = match axes {
            None => self.model.query.clone(),
            Some(axes) => format!(
                "select o.* from (\n{}\n) o left semi join {UNITS} u on {} \
                 and o.{time} >= u.first and o.{time} <= u.last",
                self.model.query,
                axes.same_series("o", "u"),
                time = axes.time,
            ),
        };
        let (schema, batches) = bench.ask(&sql).await?;
        let rows = together(&batches, &schema).map_err(|source| self.arrow(source))?;
        for name in self.model.key.iter().chain(&self.model.partition_by) {
            if rows.schema().index_of(name).is_err() {
                let (model, column) = (self.model.name.to_string(), name.clone());
                return Err(ModelError::NoColumn { model, column });
            }
        }
        bench.keep(BUILT, rows.clone())?;
        let outcomes = check::check(bench).await?;
        check::passed(self.model, &outcomes)?;
        Ok((rows, outcomes))
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

    /// Every series of every input, in pieces of not too many rows.
    async fn pieces(&self, sources: &[Source<'_>]) -> Result<Vec<Vec<Span>>, ModelError> {
        let bench = Bench::new(self.model, (self.workbench)(), sources).await?;
        let axes = self.axes();
        let names = axes.series.join(", ");
        let mut found: Vec<(Span, i64)> = Vec::new();
        for name in &self.model.from {
            let sql = format!(
                "select {names}, min({time}), max({time}), count(*) from {} group by {names}",
                whole(name),
                time = axes.time
            );
            let (_, batches) = bench.ask(&sql).await?;
            for batch in &batches {
                found.extend(self.counted(batch, axes.series.len())?);
            }
        }
        Ok(cut(found, axes.near()))
    }

    fn counted(&self, batch: &RecordBatch, width: usize) -> Result<Vec<(Span, i64)>, ModelError> {
        let texts = batch.columns()[..width].iter().map(|column| cast(column, &DataType::Utf8));
        let texts: Vec<_> = texts.collect::<Result<_, _>>().map_err(|source| self.arrow(source))?;
        let times = |at: usize| batch.column(width + at).as_primitive::<TimestampMicrosecondType>();
        let counts = batch.column(width + 2).as_primitive::<Int64Type>();
        let span = |row: usize| {
            let name = texts.iter().map(|text| text.as_string::<i32>().value(row).to_owned());
            let (from, to) = (times(0).value(row), times(1).value(row));
            (Span { series: name.collect(), from, to }, counts.value(row))
        };
        Ok((0..batch.num_rows()).map(span).collect())
    }

    /// The first of the rows of each key.
    fn once_each(&self, pieces: &[RecordBatch]) -> Result<RecordBatch, ModelError> {
        let arrow = |source| self.arrow(source);
        let schema = pieces.first().map(RecordBatch::schema).ok_or(ModelError::Stopped)?;
        let rows = together(pieces, &schema).map_err(arrow)?;
        if pieces.len() < 2 {
            return Ok(rows);
        }
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

/// Cuts long series, and puts short ones together. Those of several inputs are one.
fn cut(found: Vec<(Span, i64)>, near: i64) -> Vec<Vec<Span>> {
    let mut series: BTreeMap<Vec<String>, (i64, i64, i64)> = BTreeMap::new();
    for (span, rows) in found {
        let all = series.entry(span.series).or_insert((span.from, span.to, 0));
        *all = (all.0.min(span.from), all.1.max(span.to), all.2 + rows);
    }
    let (mut pieces, mut piece, mut filled) = (Vec::new(), Vec::new(), 0);
    for (series, (from, to, rows)) in series {
        let parts = (rows / ROWS + 1).min((to - from) / near.max(1) + 1);
        let length = (to - from) / parts + 1;
        for part in 0..parts {
            let first = from + part * length;
            piece.push(Span {
                series: series.clone(),
                from: first,
                to: (first + length - 1).min(to),
            });
            filled += rows / parts;
            if filled >= ROWS {
                pieces.push(std::mem::take(&mut piece));
                filled = 0;
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_is_cut_and_short_ones_are_together() {
        let span = |name: &str, from, to| Span { series: vec![name.to_owned()], from, to };
        let long = (span("long", 0, 999_999), 2 * ROWS);
        let short = (0..10).map(|n| (span(&format!("s{n}"), 0, 10), ROWS / 5));
        let pieces = cut(short.chain([long]).collect(), 10);
        let of_long: Vec<&Span> =
            pieces.iter().flatten().filter(|span| span.series[0] == "long").collect();
        assert_eq!(of_long.len(), 3);
        assert_eq!((of_long[0].from, of_long[2].to), (0, 999_999));
        assert!(of_long.windows(2).all(|pair| pair[0].to + 1 == pair[1].from));
        assert!(pieces.iter().all(|piece| piece.len() <= 6), "{pieces:?}");
    }
}
