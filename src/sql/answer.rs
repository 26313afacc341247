//! An answer, written down before it is sent: in memory, or in a file if it is long.

use std::{
    collections::BTreeSet,
    io::{self, Seek, Write},
};

use bytes::Bytes;
use deltalake::{
    arrow::datatypes::Schema,
    datafusion::{error::DataFusionError, execution::SendableRecordBatchStream},
};
use futures::TryStreamExt;
use serde_json::json;
use tempfile::{SpooledData, SpooledTempFile};

use super::SqlError;
use crate::formats::{Encoder, Format};

/// What came of a question.
#[derive(Debug)]
pub struct Answer {
    pub format: Format,
    pub rows: usize,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    Memory(Bytes),
    /// At its beginning; it goes away when it is closed.
    File(std::fs::File),
}

/// A longer answer goes into a file.
const IN_MEMORY: usize = 4 << 20;

/// Rows that are encoded at a time: a batch of wide ones is large, and its encoding as large again.
const SLICE: usize = 1_024;

/// Takes in all `rows`, unless there are more than `most.rows`, or they take more than `most.bytes`.
pub(super) async fn written(
    mut rows: SendableRecordBatchStream,
    format: Format,
    most: Most,
) -> Result<Answer, SqlError> {
    let mut encoder = Encoder::new(format, &rows.schema()).map_err(DataFusionError::from)?;
    distinct(encoder.schema())?;
    let mut spool = Spool { file: SpooledTempFile::new(IN_MEMORY), left: most.bytes };
    if format == Format::Json {
        let columns = columns(encoder.schema());
        spool.add(format!("{{\"columns\":{columns},\"rows\":").as_bytes())?;
    }
    let mut count = 0;
    while let Some(batch) = rows.try_next().await? {
        count += batch.num_rows();
        if count > most.rows {
            return Err(SqlError::TooManyRows(most.rows));
        }
        for start in (0..batch.num_rows()).step_by(SLICE) {
            let slice = batch.slice(start, SLICE.min(batch.num_rows() - start));
            spool.add(&encoder.write(&slice).map_err(DataFusionError::from)?)?;
        }
    }
    spool.add(&encoder.finish().map_err(DataFusionError::from)?)?;
    if format == Format::Json {
        spool.add(format!(",\"row_count\":{count}}}").as_bytes())?;
    }
    Ok(Answer { format, rows: count, body: body(spool.file).map_err(SqlError::Spool)? })
}

/// How much an answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) rows: usize,
    pub(super) bytes: u64,
}

struct Spool {
    file: SpooledTempFile,
    left: u64,
}

impl Spool {
    fn add(&mut self, bytes: &[u8]) -> Result<(), SqlError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| SqlError::TooLarge("the answer is too long".to_owned()))?;
        self.file.write_all(bytes).map_err(SqlError::Spool)
    }
}

/// An object has one member of a name, and a table that is joined with itself two.
fn distinct(schema: &Schema) -> Result<(), SqlError> {
    let mut names = BTreeSet::new();
    let twice = schema.fields().iter().find(|field| !names.insert(field.name()));
    twice.map_or(Ok(()), |field| Err(SqlError::SameName(field.name().clone())))
}

fn body(mut spool: SpooledTempFile) -> io::Result<Body> {
    spool.rewind()?;
    Ok(match spool.into_inner() {
        SpooledData::InMemory(bytes) => Body::Memory(bytes.into_inner().into()),
        SpooledData::OnDisk(file) => Body::File(file),
    })
}

fn columns(schema: &Schema) -> serde_json::Value {
    let column = |name: &String, kind: String| json!({ "name": name, "type": kind });
    let fields = schema.fields().iter();
    fields.map(|field| column(field.name(), field.data_type().to_string())).collect()
}
