//! Which stretches of which series have changed.

use std::collections::BTreeMap;

use deltalake::arrow::{
    array::{AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    error::ArrowError,
};

use crate::lake::runs;

/// A stretch of one series; times in microseconds since 1970, both included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The values of the columns of the series.
    pub(super) series: Vec<String>,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// The stretches that the rows of `batches` cover; those of a series that are less than `near`
/// microseconds apart are one. The first columns are those of the series, the last one is the time.
pub(super) fn spans(batches: &[RecordBatch], near: i64) -> Result<Vec<Span>, ArrowError> {
    let mut times: BTreeMap<Vec<String>, Vec<i64>> = BTreeMap::new();
    for batch in batches {
        let Some((time, series)) = batch.columns().split_last() else { continue };
        let series = series.iter().map(|column| cast(column, &DataType::Utf8));
        let series: Vec<_> = series.collect::<Result<_, _>>()?;
        let time = cast(time, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
        let time = time.as_primitive::<TimestampMicrosecondType>();
        for rows in runs(&series, batch.num_rows())? {
            let name = series.iter().map(|one| one.as_string::<i32>().value(rows.start).to_owned());
            let own = times.entry(name.collect()).or_default();
            own.extend(time.slice(rows.start, rows.len()).iter().flatten());
        }
    }
    Ok(times.into_iter().flat_map(|(series, times)| joined(&series, times, near)).collect())
}

fn joined(series: &[String], mut times: Vec<i64>, near: i64) -> Vec<Span> {
    times.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for at in times {
        match spans.last_mut() {
            Some(span) if at.saturating_sub(span.to) <= near => span.to = at,
            _ => spans.push(Span { series: series.to_vec(), from: at, to: at }),
        }
    }
    spans
}

/// Spans that are built together: no more than `most` of them, and close to one another in time.
pub(super) fn groups(mut spans: Vec<Span>, most: usize, near: i64) -> Vec<Vec<Span>> {
    spans.sort_by_key(|span| (span.from, span.to));
    let mut groups: Vec<Vec<Span>> = Vec::new();
    let mut end = i64::MIN;
    for span in spans {
        let fits = groups.last().is_some_and(|group| group.len() < most)
            && span.from.saturating_sub(end) <= near;
        end = if fits { end.max(span.to) } else { span.to };
        match groups.last_mut() {
            Some(group) if fits => group.push(span),
            _ => groups.push(vec![span]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deltalake::arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn batch(rows: &[(&str, i64)]) -> RecordBatch {
        let names: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>());
        let times: ArrayRef =
            Arc::new(rows.iter().map(|row| Some(row.1)).collect::<TimestampMicrosecondArray>());
        RecordBatch::try_from_iter([("a", names), ("t", times)]).unwrap()
    }

    fn span(name: &str, from: i64, to: i64) -> Span {
        Span { series: vec![name.to_owned()], from, to }
    }

    #[test]
    fn what_is_near_is_one_stretch() {
        let rows = [("x", 5), ("y", 100), ("x", 1), ("x", 9), ("x", 30)];
        let found = spans(&[batch(&rows), batch(&[("x", 33)])], 5).unwrap();
        assert_eq!(found, [span("x", 1, 9), span("x", 30, 33), span("y", 100, 100)]);
        assert_eq!(spans(&[], 5).unwrap(), []);
    }

    #[test]
    fn a_late_candle_is_not_built_together_with_the_newest_ones() {
        let all = vec![span("a", 1_000, 1_001), span("b", 1_002, 1_002), span("a", 3, 3)];
        let built = groups(all, 10, 100);
        assert_eq!(
            built,
            [vec![span("a", 3, 3)], vec![span("a", 1_000, 1_001), span("b", 1_002, 1_002)]]
        );
        let many = (0..7).map(|n| span("a", n, n)).collect();
        assert_eq!(groups(many, 3, 100).iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    }
}
