//! Rows of a table on their way in: JSON, NDJSON, CSV, Arrow IPC and Parquet, checked value by value.

mod cell;
mod columnar;
mod kind;
mod sheet;
mod text;

use bytes::Bytes;
use deltalake::arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema},
    error::ArrowError,
};

pub use self::kind::Kind;
use super::Format;

/// What is made of columns that are not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Further {
    /// They are read, as what their values look like.
    Read,
    /// A row that has a value there has a fault.
    Fault,
}

/// Faults that a refusal tells.
const TOLD: usize = 5;

/// Rows that somebody brings.
#[derive(Debug)]
pub struct Incoming {
    /// Those without a fault: the columns wanted, then the further ones.
    pub rows: RecordBatch,
    /// Columns beside those wanted that have a value somewhere; each may be null.
    pub further: Vec<Field>,
    /// One for each row that has any, in their order.
    pub faults: Vec<Fault>,
}

/// Why a row does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1.
    pub row: usize,
    /// Where it is; `None` if it is the row itself.
    pub column: Option<String>,
    /// The value and what is wrong with it.
    pub detail: String,
    /// The row as it came, or as JSON if that is no text.
    pub raw: Bytes,
}

/// Why no row can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the rows are no {}: {detail}", form.as_str())]
    Broken { form: Format, detail: String },
    #[error("the column {column} is there twice")]
    Twice { column: String },
    #[error("the column {column} is {given} here and {wanted} in the table")]
    OfOtherType { column: String, given: String, wanted: String },
}

/// Reads rows of the columns `wanted`. What a row lacks is null; where there may be none it is a fault.
pub fn read(
    format: Format,
    body: &Bytes,
    wanted: &Schema,
    further: Further,
) -> Result<Incoming, ReadError> {
    let sheet = match format {
        Format::Json => text::json(body, wanted)?,
        Format::Ndjson => text::ndjson(body, wanted)?,
        Format::Csv => text::csv(body, wanted)?,
        Format::Arrow | Format::Parquet => columnar::read(format, body, wanted)?,
    };
    sheet.finish(wanted, further).map_err(|error| broken(format, &error))
}

/// The columns that rows have, as what their values look like.
pub fn columns(format: Format, body: &Bytes) -> Result<Vec<Field>, ReadError> {
    Ok(read(format, body, &Schema::empty(), Further::Read)?.further)
}

/// The first faults, for whoever is refused because of them.
pub fn told(faults: &[Fault]) -> String {
    let told: Vec<String> = faults.iter().take(TOLD).map(Fault::to_string).collect();
    told.join("; ")
}

fn broken(form: Format, error: &ArrowError) -> ReadError {
    ReadError::Broken { form, detail: error.to_string() }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}, ", self.row)?;
        if let Some(column) = &self.column {
            write!(f, "{column}: ")?;
        }
        f.write_str(&self.detail)
    }
}

#[cfg(test)]
mod tests;
