//! An answer, written down before it is sent: in memory, or in a file if it is long.

use std::io::{self, Seek, Write};

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

/// Takes in all `rows`, unless there are more than `most`.
pub(super) async fn written(
    mut rows: SendableRecordBatchStream,
    format: Format,
    most: usize,
) -> Result<Answer, SqlError> {
    let mut spool = SpooledTempFile::new(IN_MEMORY);
    let mut encoder = Encoder::new(format, &rows.schema()).map_err(DataFusionError::from)?;
    if format == Format::Json {
        let columns = columns(encoder.schema());
        write!(spool, "{{\"columns\":{columns},\"rows\":").map_err(SqlError::Spool)?;
    }
    let mut count = 0;
    while let Some(batch) = rows.try_next().await? {
        count += batch.num_rows();
        if count > most {
            return Err(SqlError::TooManyRows(most));
        }
        let bytes = encoder.write(&batch).map_err(DataFusionError::from)?;
        spool.write_all(&bytes).map_err(SqlError::Spool)?;
    }
    let bytes = encoder.finish().map_err(DataFusionError::from)?;
    spool.write_all(&bytes).map_err(SqlError::Spool)?;
    if format == Format::Json {
        write!(spool, ",\"row_count\":{count}}}").map_err(SqlError::Spool)?;
    }
    Ok(Answer { format, rows: count, body: body(spool).map_err(SqlError::Spool)? })
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
