//! Parquet: columns of any sensible type, read batch by batch.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use deltalake::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType},
        error::ArrowError,
        json::{
            LineDelimitedWriter,
            writer::{LineDelimited, WriterBuilder},
        },
        util::display::array_value_to_string,
    },
    parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
};

use super::{
    FileError, FileRequest, Piece,
    cell::{Number, Row},
    columns::Columns,
    header::Header,
    open, time,
};
use crate::market::{RawBatch, RawText};

/// Rows looked at to tell columns apart.
const SAMPLED: usize = 20;

pub(super) struct ParquetPieces {
    request: FileRequest,
    /// Read to tell the columns apart, not yet given out.
    first: Option<Cells>,
    reader: ParquetRecordBatchReader,
    columns: Columns,
    rows_before: usize,
}

impl ParquetPieces {
    pub(super) fn open(request: FileRequest, rows: usize) -> Result<Self, FileError> {
        let file = open(&request.path)?;
        let broken = |cause| FileError::BrokenParquet { path: request.path.clone(), cause };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
        let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut reader = builder.with_batch_size(rows).build().map_err(broken)?;
        let first = reader.next().transpose().map_err(|error| broken(error.into()))?.map(Cells::of);
        let sample: Vec<_> = first.iter().flat_map(Cells::rows).take(SAMPLED).collect();
        let header = Header { place: request.path.display().to_string(), names };
        let columns = Columns::find(&header, &request.map, &request.series.instrument, &sample)?;
        drop(sample);
        Ok(Self { request, first, reader, columns, rows_before: 0 })
    }

    fn batch(&mut self, cells: Cells) -> RawBatch {
        let mut piece = Piece::default();
        for (row, cell) in cells.rows().enumerate() {
            let reading = self.columns.candle(&cell);
            let number = self.rows_before + row + 1;
            piece.push(row, reading.map_err(|reason| format!("row {number}, {reason}")));
        }
        self.rows_before += cells.written.num_rows();
        let written = cells.written;
        piece.into_batch(&self.request, RawText::new(move |row| as_json(&written, row)))
    }
}

impl Iterator for ParquetPieces {
    type Item = Result<RawBatch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.first.take().map(Ok);
        let next = next.or_else(|| self.reader.next().map(|batch| batch.map(Cells::of)))?;
        let broken = |error: ArrowError| FileError::BrokenParquet {
            path: self.request.path.clone(),
            cause: error.into(),
        };
        Some(next.map_err(broken).map(|cells| self.batch(cells)))
    }
}

/// A batch as written, and once more in the few types that are read.
struct Cells {
    written: RecordBatch,
    read: Vec<ArrayRef>,
}

impl Cells {
    fn of(written: RecordBatch) -> Self {
        let read = written.columns().iter().map(simplified).collect();
        Self { written, read }
    }

    fn rows(&self) -> impl Iterator<Item = ParquetRow<'_>> {
        (0..self.written.num_rows()).map(|row| ParquetRow { cells: self, row })
    }
}

struct ParquetRow<'a> {
    cells: &'a Cells,
    row: usize,
}

impl Row for ParquetRow<'_> {
    fn time(&self, column: usize) -> Option<DateTime<Utc>> {
        let array = &self.cells.read[column];
        if array.is_null(self.row) {
            return None;
        }
        match array.data_type() {
            DataType::Timestamp(..) => {
                time::of_micros(array.as_primitive::<TimestampMicrosecondType>().value(self.row))
            }
            DataType::Int64 => time::of_integer(array.as_primitive::<Int64Type>().value(self.row)),
            DataType::Float64 => {
                time::of_float(array.as_primitive::<Float64Type>().value(self.row))
            }
            DataType::Utf8 => time::of_text(array.as_string::<i32>().value(self.row)),
            _ => None,
        }
    }

    fn number(&self, column: usize) -> Number {
        let array = &self.cells.read[column];
        if array.is_null(self.row) {
            let was_null = self.cells.written.column(column).is_null(self.row);
            return if was_null { Number::Absent } else { Number::Unreadable };
        }
        match array.data_type() {
            DataType::Int64 => {
                Number::Value(array.as_primitive::<Int64Type>().value(self.row) as f64)
            }
            DataType::Float64 => {
                Number::of_float(array.as_primitive::<Float64Type>().value(self.row))
            }
            DataType::Utf8 => Number::of_text(array.as_string::<i32>().value(self.row).trim()),
            _ => Number::Unreadable,
        }
    }

    fn text(&self, column: usize) -> String {
        array_value_to_string(self.cells.written.column(column), self.row).unwrap_or_default()
    }
}

/// Decimals go by their text, which a float parses exactly rounded. A type without a rule stays as
/// it is; should it be asked for, its rows are unreadable.
fn simplified(array: &ArrayRef) -> ArrayRef {
    let target = match array.data_type() {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Date32 | DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
        kind if kind.is_integer() => DataType::Int64,
        kind if kind.is_floating() => DataType::Float64,
        kind if kind.is_decimal() => DataType::Utf8,
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => DataType::Utf8,
        _ => return Arc::clone(array),
    };
    cast(array, &target).unwrap_or_else(|_| Arc::clone(array))
}

fn as_json(batch: &RecordBatch, row: usize) -> Bytes {
    if row >= batch.num_rows() {
        return Bytes::new();
    }
    let mut writer: LineDelimitedWriter<Vec<u8>> =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    let written = writer.write(&batch.slice(row, 1)).and_then(|()| writer.finish());
    match written {
        Ok(()) => Bytes::copy_from_slice(writer.into_inner().trim_ascii_end()),
        Err(error) => Bytes::from(format!("row has no JSON form: {error}")),
    }
}
