//! A table that is built from scratch, in pieces that fit into memory.

use std::collections::BTreeMap;

use deltalake::arrow::{
    array::{AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Int64Type, TimestampMicrosecondType},
};

use super::{
    ModelError,
    bench::{Bench, whole},
    build::Build,
    source::Source,
    spans::Span,
};

/// Rows that are built at a time.
const ROWS: i64 = 400_000;

impl Build<'_> {
    /// Every series of every input, in pieces of not too many rows.
    pub(super) async fn pieces(
        &self,
        sources: &[Source<'_>],
    ) -> Result<Vec<Vec<Span>>, ModelError> {
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
