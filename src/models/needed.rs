//! Which rows of the inputs are needed, and which of the output are built anew.
//!
//! A row sees back so far as its model's header says: so many rows of its series, or so long a time. So
//! rows up to that far after a change are built anew, from rows back to that far before it.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use chrono::TimeDelta;
use deltalake::arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{Int64Type, TimestampMicrosecondType},
    error::ArrowError,
};

use super::{
    ModelError, Reach,
    bench::{Bench, whole},
    spans::Span,
};
use crate::market::Timeframe;

/// A span with what is to be built because of it, `from` to `to`, and the rows that takes, `low` to `high`.
#[derive(Debug, Clone)]
struct Unit {
    span: Span,
    to: i64,
    low: i64,
    high: i64,
}

/// Names of the series' columns and of the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes<'a> {
    pub(super) series: &'a [String],
    pub(super) time: &'a str,
    pub(super) reach: Reach,
}

/// Rows are looked for in a stretch that would hold that many times as many if none were missing.
const GENEROUS: i64 = 2;
/// And if that is not enough, in one that is so many times as long; then everywhere.
const LONGER: i64 = 16;
const EVERYWHERE: i64 = i64::MAX / 4;
/// As the table of units is called.
const UNITS: &str = "whole.units";
/// More names than this are not listed in a condition.
const FEW: usize = 64;

impl Axes<'_> {
    /// Lets the model's inputs be what is needed for `spans`; which of its rows are then right is said by
    /// `whole.units`, with the columns of the series, `first` and `last`.
    /// The answer is a condition on a table `i` that holds for all of those.
    pub(super) async fn narrow(
        &self,
        bench: &Bench<'_>,
        spans: &[Span],
    ) -> Result<String, ModelError> {
        let mut units: Vec<Unit> = spans.iter().map(Unit::of).collect();
        match self.reach {
            Reach::Time(span) => {
                let micros = span.num_microseconds().unwrap_or(EVERYWHERE);
                for unit in &mut units {
                    unit.to = unit.span.to.saturating_add(micros);
                    unit.high = unit.to;
                    unit.low = unit.span.from.saturating_sub(micros);
                }
            }
            Reach::Rows(0) => {}
            Reach::Rows(rows) => self.count_rows(bench, &mut units, rows).await?,
        }
        let table = self
            .table(&units)
            .map_err(|source| ModelError::Arrow { model: bench.model.name.to_string(), source })?;
        bench.keep(UNITS, &table.schema(), vec![table])?;
        for name in &bench.model.from {
            let sql = format!(
                "select i.* from {} i left semi join {UNITS} u on {} and i.{time} >= u.low \
                 and i.{time} <= u.high where {}",
                whole(name),
                self.same_series("i", "u"),
                self.about(&units, |unit| (unit.low, unit.high)),
                time = self.time,
            );
            bench.select(name, &sql).await?;
        }
        Ok(self.about(&units, |unit| (unit.span.from, unit.to)))
    }

    /// What a query gives, but only the rows that are to be built.
    pub(super) fn affected(&self, query: &str) -> String {
        format!(
            "select o.* from (\n{query}\n) o left semi join {UNITS} u on {} \
             and o.{time} >= u.first and o.{time} <= u.last",
            self.same_series("o", "u"),
            time = self.time,
        )
    }

    /// Finds how far `rows` rows before and after each span reach.
    async fn count_rows(
        &self,
        bench: &Bench<'_>,
        units: &mut [Unit],
        rows: i64,
    ) -> Result<(), ModelError> {
        let step = |unit: &Unit| {
            let named = unit.span.series.iter().find_map(|name| name.parse::<Timeframe>().ok());
            named.unwrap_or(Timeframe::D1).micros().saturating_mul(rows * GENEROUS)
        };
        let mut open: Vec<usize> = (0..units.len()).collect();
        for factor in [1, LONGER, EVERYWHERE] {
            for at in &open {
                let unit = &mut units[*at];
                let stretch = step(unit).saturating_mul(factor).min(EVERYWHERE);
                unit.low = unit.span.from.saturating_sub(stretch).max(-EVERYWHERE);
            }
            let found = self.edges(bench, units, &open, (rows, false)).await?;
            open.retain(|at| {
                let Some((edge, count)) = found.get(at) else { return true };
                units[*at].low = *edge;
                *count < rows
            });
            if open.is_empty() {
                break;
            }
        }
        let mut open: Vec<usize> = (0..units.len()).collect();
        for factor in [1, EVERYWHERE] {
            for at in &open {
                let unit = &mut units[*at];
                let stretch = step(unit).saturating_mul(factor).min(EVERYWHERE);
                unit.high = unit.span.to.saturating_add(stretch).min(EVERYWHERE);
            }
            let found = self.edges(bench, units, &open, (rows, true)).await?;
            open.retain(|at| {
                let (edge, count) = found.get(at).copied().unwrap_or((units[*at].span.to, 0));
                units[*at].to = edge;
                count < rows
            });
            if open.is_empty() {
                break;
            }
        }
        for unit in units {
            unit.high = unit.to;
        }
        Ok(())
    }

    /// The time of the last of `rows` rows before or after each of the open units, and how many there are.
    async fn edges(
        &self,
        bench: &Bench<'_>,
        units: &[Unit],
        open: &[usize],
        (rows, is_after): (i64, bool),
    ) -> Result<BTreeMap<usize, (i64, i64)>, ModelError> {
        let asked: Vec<Unit> = open.iter().map(|at| units[*at].clone()).collect();
        let arrow = |source| ModelError::Arrow { model: bench.model.name.to_string(), source };
        let table = self.table(&asked).map_err(arrow)?;
        bench.keep(UNITS, &table.schema(), vec![table])?;
        let (edge, order, inside) = if is_after {
            ("max", "asc", "i.t > u.span_to and i.t <= u.high")
        } else {
            ("min", "desc", "i.t < u.first and i.t >= u.low")
        };
        let range = |unit: &Unit| {
            if is_after { (unit.span.to, unit.high) } else { (unit.low, unit.span.from) }
        };
        let names = self.series.join(", ");
        let sql = format!(
            "select id, {edge}(t) as edge, count(*) as rows from (\
             select u.id, i.t, row_number() over (partition by u.id order by i.t {order}) as place \
             from {UNITS} u join (select {names}, {time} as t from {} i where {}) i on {} and {inside}) \
             where place <= {rows} group by id",
            whole(&bench.model.from[0]),
            self.about(&asked, range),
            self.same_series("i", "u"),
            time = self.time,
        );
        let (_, batches) = bench.ask(&sql).await?;
        let mut found = BTreeMap::new();
        for batch in batches {
            let ids = batch.column(0).as_primitive::<Int64Type>();
            let edges = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            let counts = batch.column(2).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let at = usize::try_from(ids.value(row)).unwrap_or_default();
                found.insert(open[at], (edges.value(row), counts.value(row)));
            }
        }
        Ok(found)
    }

    fn same_series(&self, left: &str, right: &str) -> String {
        let same = self.series.iter().map(|name| format!("{left}.{name} = {right}.{name}"));
        same.collect::<Vec<_>>().join(" and ")
    }

    /// A condition with nothing but literals, by which files are passed over.
    fn about(&self, units: &[Unit], range: impl Fn(&Unit) -> (i64, i64)) -> String {
        let (lows, highs): (Vec<i64>, Vec<i64>) = units.iter().map(range).unzip();
        let low = lows.into_iter().min().unwrap_or(0);
        let high = highs.into_iter().max().unwrap_or(0);
        let mut said = format!("i.{} between {} and {}", self.time, literal(low), literal(high));
        for (at, name) in self.series.iter().enumerate() {
            let mut values: Vec<&str> = units.iter().map(|unit| &*unit.span.series[at]).collect();
            values.sort_unstable();
            values.dedup();
            if (1..=FEW).contains(&values.len()) {
                let quoted = values.iter().map(|value| format!("'{}'", value.replace('\'', "''")));
                let quoted = quoted.collect::<Vec<_>>().join(", ");
                let _ = write!(said, " and i.{name} in ({quoted})");
            }
        }
        said
    }

    fn table(&self, units: &[Unit]) -> Result<RecordBatch, ArrowError> {
        let times = |value: fn(&Unit) -> i64| -> ArrayRef {
            let times: TimestampMicrosecondArray =
                units.iter().map(|unit| Some(value(unit))).collect();
            Arc::new(times.with_timezone("UTC"))
        };
        let ids: Int64Array = (0..i64::try_from(units.len()).unwrap_or(0)).map(Some).collect();
        let mut columns: Vec<(String, ArrayRef)> = vec![("id".to_owned(), Arc::new(ids))];
        for (at, name) in self.series.iter().enumerate() {
            let values = units.iter().map(|unit| Some(&*unit.span.series[at]));
            columns.push((name.clone(), Arc::new(values.collect::<StringArray>())));
        }
        columns.push(("first".to_owned(), times(|unit| unit.span.from)));
        columns.push(("span_to".to_owned(), times(|unit| unit.span.to)));
        columns.push(("last".to_owned(), times(|unit| unit.to)));
        columns.push(("low".to_owned(), times(|unit| unit.low)));
        columns.push(("high".to_owned(), times(|unit| unit.high)));
        RecordBatch::try_from_iter(columns)
    }

    /// Spans closer to one another than this are built as one.
    pub(super) fn near(&self) -> i64 {
        match self.reach {
            Reach::Time(span) => span.max(TimeDelta::days(1)),
            Reach::Rows(_) => TimeDelta::days(1),
        }
        .num_microseconds()
        .unwrap_or(EVERYWHERE)
    }
}

impl Unit {
    fn of(span: &Span) -> Self {
        Self { to: span.to, low: span.from, high: span.to, span: span.clone() }
    }
}

/// A number of microseconds since 1970 as SQL has it.
pub fn literal(micros: i64) -> String {
    format!("arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}
