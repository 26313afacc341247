//! Arrow and Parquet: rows whose columns have a type already.

use bytes::Bytes;
use deltalake::{
    arrow::{
        array::{Array, ArrayRef, RecordBatch, new_null_array},
        compute::{cast, concat_batches},
        datatypes::{DataType, Field, Schema},
        error::ArrowError,
        ipc::reader::StreamReader,
        json::LineDelimitedWriter,
        util::display::array_value_to_string,
    },
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};

use super::{
    super::Format,
    Kind, ReadError, broken,
    sheet::{Faults, Sheet},
};

pub(super) fn read(
    format: Format,
    body: &Bytes,
    wanted: &Schema,
) -> Result<Sheet<'static>, ReadError> {
    let given = batch(format, body).map_err(|error| broken(format, &error))?;
    let schema = given.schema();
    for (at, field) in schema.fields().iter().enumerate() {
        if schema.fields()[..at].iter().any(|other| other.name() == field.name()) {
            return Err(ReadError::Twice { column: field.name().clone() });
        }
    }
    let mut faults = Faults::default();
    let column = |field: &Field| match given.column_by_name(field.name()) {
        Some(values) => fitted(field.name(), values, field.data_type(), &mut faults),
        None => Ok(new_null_array(field.data_type(), given.num_rows())),
    };
    let wanted_columns =
        wanted.fields().iter().map(AsRef::as_ref).map(column).collect::<Result<_, _>>()?;
    let mut further = Vec::new();
    for (field, values) in schema.fields().iter().zip(given.columns()) {
        if wanted.index_of(field.name()).is_err() && values.null_count() < values.len() {
            let kind = Kind::holding(field.data_type()).ok_or_else(|| unfit(field, None))?;
            let values = fitted(field.name(), values, &kind.arrow(), &mut faults)?;
            further.push((field.name().clone(), values));
        }
    }
    Ok(Sheet {
        length: given.num_rows(),
        wanted: wanted_columns,
        further,
        faults,
        raw: Box::new(move |row| as_json(&given, row)),
    })
}

fn batch(format: Format, body: &Bytes) -> Result<RecordBatch, ArrowError> {
    if format == Format::Parquet {
        let reader = ParquetRecordBatchReaderBuilder::try_new(body.clone())?.build()?;
        let schema = deltalake::arrow::array::RecordBatchReader::schema(&reader);
        return concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>()?);
    }
    let reader = StreamReader::try_new(body.as_ref(), None)?;
    let schema = reader.schema();
    concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>()?)
}

/// The values as another type, if it takes them; those that are beyond it are faults.
fn fitted(
    name: &str,
    values: &ArrayRef,
    wanted: &DataType,
    faults: &mut Faults,
) -> Result<ArrayRef, ReadError> {
    if values.data_type() == wanted {
        return Ok(values.clone());
    }
    let refused = || unfit(&Field::new(name, values.data_type().clone(), true), Some(wanted));
    let given = match values.data_type() {
        DataType::Null => return Ok(new_null_array(wanted, values.len())),
        given => Kind::holding(given).ok_or_else(refused)?,
    };
    let into = Kind::of(wanted).filter(|into| into.takes(given)).ok_or_else(refused)?;
    let fitted = cast(values, wanted).map_err(|_| refused())?;
    for row in (0..values.len()).filter(|row| values.is_valid(*row) && fitted.is_null(*row)) {
        let value = array_value_to_string(values, row).unwrap_or_default();
        faults.of_value(row, name, || format!("{value} is not {}", into.wanted()));
    }
    Ok(fitted)
}

fn unfit(field: &Field, wanted: Option<&DataType>) -> ReadError {
    let word = |kind: &DataType| match Kind::of(kind) {
        Some(kind) => kind.as_str().to_owned(),
        None => kind.to_string(),
    };
    let wanted = wanted.map_or_else(|| "no type that there is".to_owned(), word);
    ReadError::OfOtherType { column: field.name().clone(), given: word(field.data_type()), wanted }
}

fn as_json(rows: &RecordBatch, row: usize) -> Bytes {
    let mut out = Vec::new();
    let written = LineDelimitedWriter::new(&mut out).write(&rows.slice(row, 1));
    // What JSON has no form for is not written; the reason of the fault says what it was.
    written.map(|()| out.trim_ascii().to_vec().into()).unwrap_or_default()
}
