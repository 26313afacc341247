//! Rows as columns, with what was wrong on the way.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use deltalake::arrow::{
    array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions},
    compute::filter_record_batch,
    datatypes::{Field, Schema},
    error::ArrowError,
};

use super::{Fault, Further, Incoming};

/// Columns of one length, not yet checked for what they lack.
pub(super) struct Sheet<'a> {
    pub(super) length: usize,
    /// Those wanted, in their order.
    pub(super) wanted: Vec<ArrayRef>,
    pub(super) further: Vec<(String, ArrayRef)>,
    /// The first fault of a row, which counts from 0.
    pub(super) faults: Faults,
    /// A row as it came.
    pub(super) raw: Box<dyn Fn(usize) -> Bytes + 'a>,
}

/// By row, which counts from 0: the column, if it is in one, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<usize, (Option<String>, String)>);

impl Faults {
    pub(super) fn of_row(&mut self, row: usize, detail: String) {
        self.0.entry(row).or_insert((None, detail));
    }

    pub(super) fn of_value(&mut self, row: usize, column: &str, detail: impl FnOnce() -> String) {
        self.0.entry(row).or_insert_with(|| (Some(column.to_owned()), detail()));
    }
}

impl Sheet<'_> {
    pub(super) fn finish(
        mut self,
        wanted: &Schema,
        further: Further,
    ) -> Result<Incoming, ArrowError> {
        self.find_missing(wanted);
        self.further.retain(|(_, values)| values.null_count() < values.len());
        let names: Vec<_> =
            self.further.iter().map(|(name, values)| of_further(name, values)).collect();
        if further == Further::Fault {
            for (name, values) in std::mem::take(&mut self.further) {
                for row in (0..self.length).filter(|row| values.is_valid(*row)) {
                    let detail = || "the table has no such column".to_owned();
                    self.faults.of_value(row, &name, detail);
                }
            }
        }
        // Checked above; until the bad rows are gone a column may have a null it must not have.
        let loose = wanted.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let fields =
            loose.chain(self.further.iter().map(|(name, values)| of_further(name, values)));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = self.wanted.into_iter().chain(self.further.into_iter().map(|(_, all)| all));
        let options = RecordBatchOptions::new().with_row_count(Some(self.length));
        let mut rows = RecordBatch::try_new_with_options(schema, columns.collect(), &options)?;
        if !self.faults.0.is_empty() {
            let is_good = (0..self.length).map(|row| Some(!self.faults.0.contains_key(&row)));
            rows = filter_record_batch(&rows, &is_good.collect::<BooleanArray>())?;
        }
        let raw = self.raw;
        let fault = |(row, (column, detail))| Fault { row: row + 1, column, detail, raw: raw(row) };
        Ok(Incoming {
            rows,
            further: names,
            faults: self.faults.0.into_iter().map(fault).collect(),
        })
    }

    fn find_missing(&mut self, wanted: &Schema) {
        let required = wanted.fields().iter().zip(&self.wanted);
        for (field, values) in required.filter(|(field, _)| !field.is_nullable()) {
            for row in (0..self.length).filter(|row| values.is_null(*row)) {
                self.faults.of_value(row, field.name(), || "there is no value".to_owned());
            }
        }
    }
}

fn of_further(name: &str, values: &ArrayRef) -> Field {
    Field::new(name, values.data_type().clone(), true)
}
