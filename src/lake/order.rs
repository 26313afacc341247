//! Rows in the order of their table, and which of them are next to one another.

use std::{num::NonZeroUsize, ops::Range, panic::resume_unwind};

use deltalake::arrow::{
    array::{Array, ArrayRef, RecordBatch},
    compute::{concat_batches, interleave, interleave_record_batch, partition},
    datatypes::SchemaRef,
    error::ArrowError,
    row::{RowConverter, SortField},
};

/// Fewer rows are not worth a thread of their own.
const MANY: usize = 50_000;

/// All rows as one batch, sorted by the columns of those names that there are. Runs that are in order
/// already, as those of a file or of a query's thread are, are found and only merged.
pub(super) fn sorted(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    order: &[String],
) -> Result<RecordBatch, ArrowError> {
    let by: Vec<usize> = order.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    if by.is_empty() {
        return concat_batches(schema, batches);
    }
    let fields = by.iter().map(|at| SortField::new(schema.field(*at).data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut keys = converter.empty_rows(rows, 0);
    for batch in batches {
        let columns: Vec<ArrayRef> = by.iter().map(|at| batch.column(*at).clone()).collect();
        converter.append(&mut keys, &columns)?;
    }
    if keys.iter().is_sorted() {
        return concat_batches(schema, batches);
    }
    let places = batches.iter().enumerate();
    let places = places.flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row)));
    let mut places: Vec<_> = keys.iter().zip(places).collect();
    places.sort();
    let places: Vec<(usize, usize)> = places.into_iter().map(|(_, place)| place).collect();
    gathered(batches, schema, &places)
}

/// The rows at those places: of which batch, and which of its rows. Of many rows the columns are shared out
/// among threads.
fn gathered(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    places: &[(usize, usize)],
) -> Result<RecordBatch, ArrowError> {
    if places.len() < MANY {
        return interleave_record_batch(&batches.iter().collect::<Vec<_>>(), places);
    }
    let column = |at: &usize| {
        let parts: Vec<&dyn Array> =
            batches.iter().map(|batch| batch.column(*at).as_ref()).collect();
        interleave(&parts, places)
    };
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let columns = std::thread::scope(|scope| {
        let gather = |some| scope.spawn(move || <[usize]>::iter(some).map(column).collect());
        let working: Vec<_> = all.chunks(all.len().div_ceil(threads())).map(gather).collect();
        let done =
            working.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)));
        done.collect::<Result<Vec<Vec<ArrayRef>>, ArrowError>>()
    })?;
    RecordBatch::try_new(schema.clone(), columns.concat())
}

/// The stretches of rows with the same values in all of the columns; all rows if there are no columns.
pub fn runs(columns: &[ArrayRef], rows: usize) -> Result<Vec<Range<usize>>, ArrowError> {
    match (columns, rows) {
        (_, 0) => Ok(Vec::new()),
        ([], rows) => Ok(std::iter::once(0..rows).collect()),
        (columns, _) => Ok(partition(columns)?.ranges()),
    }
}

/// How many threads there are for what is much.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deltalake::arrow::{
        array::{AsArray, Int64Array, StringArray},
        datatypes::Int64Type,
    };

    use super::*;

    /// Rows of two series, in turns, with the number that each row has in the end.
    fn batch(numbers: impl Iterator<Item = i64>, half: i64) -> RecordBatch {
        let (mut assets, mut times, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for number in numbers {
            assets.push(if number < half { "A" } else { "B" });
            times.push(number % half);
            places.push(number);
        }
        let columns: [(&str, ArrayRef); 3] = [
            ("asset", Arc::new(StringArray::from(assets))),
            ("time", Arc::new(Int64Array::from(times))),
            ("place", Arc::new(Int64Array::from(places))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn few_and_many_rows_of_several_batches_come_into_order() {
        for half in [3, MANY as i64] {
            let batches =
                [batch((0..half).map(|n| 2 * n), half), batch((0..half).map(|n| 2 * n + 1), half)];
            let schema = batches[0].schema();
            let order = ["asset".to_owned(), "none".to_owned(), "time".to_owned()];
            let rows = sorted(&batches, &schema, &order).unwrap();
            let places = rows.column(2).as_primitive::<Int64Type>().values();
            assert!(places.iter().copied().eq(0..2 * half));
            assert_eq!(sorted(std::slice::from_ref(&rows), &schema, &order).unwrap(), rows);
        }
    }

    #[test]
    fn a_run_ends_where_any_column_changes() {
        let rows = batch([0, 1, 2, 3, 5, 4].into_iter(), 4);
        assert_eq!(runs(&rows.columns()[..1], 6).unwrap(), [0..4, 4..6]);
        assert_eq!(runs(&rows.columns()[..2], 6).unwrap().len(), 6);
        assert_eq!(runs(&[], 6).unwrap().len(), 1);
        assert!(runs(&[], 0).unwrap().is_empty());
    }
}
