//! Every form reads back as what was written.

use std::sync::Arc;

use deltalake::{
    arrow::{
        array::{
            ArrayRef, DictionaryArray, Float64Array, Int64Array, StringViewArray,
            TimestampMicrosecondArray,
        },
        datatypes::{DataType, Field, Schema, UInt16Type},
        ipc::reader::StreamReader,
    },
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};

use super::*;

/// As the engine gives it: texts as views and in dictionaries.
fn batch() -> RecordBatch {
    let asset: ArrayRef = Arc::new(StringViewArray::from(vec!["BTCUSD", "odd \",\n€"]));
    let day: ArrayRef = Arc::new(DictionaryArray::<UInt16Type>::from_iter(["a", "b"]));
    let micros = TimestampMicrosecondArray::from(vec![1_709_726_340_000_000, 0]);
    let at: ArrayRef = Arc::new(micros.with_timezone("UTC"));
    let close: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.1 + 0.2), None]));
    let count: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN]));
    let columns = [("asset", asset), ("day", day), ("at", at), ("close", close), ("n", count)];
    RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, values)| (name, values, name == "close")),
    )
    .unwrap()
}

fn written(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
    let mut encoder = Encoder::new(format, &batch().schema()).unwrap();
    let mut bytes: Vec<u8> =
        batches.iter().flat_map(|batch| encoder.write(batch).unwrap()).collect();
    bytes.extend(encoder.finish().unwrap());
    bytes
}

fn text(format: Format, batches: &[RecordBatch]) -> String {
    String::from_utf8(written(format, batches)).unwrap()
}

#[test]
fn texts_of_each_kind() {
    let two = [batch(), batch()];
    let rows = r#"{"asset":"BTCUSD","day":"a","at":"2024-03-06T11:59:00Z","close":0.30000000000000004,"n":9223372036854775807}
{"asset":"odd \",\n€","day":"b","at":"1970-01-01T00:00:00Z","close":null,"n":-9223372036854775808}
"#;
    assert_eq!(text(Format::Ndjson, &two), format!("{rows}{rows}"));
    let array = format!("[{rows}{rows}]").replace("}\n{", "},{").replace("\n]", "]");
    assert_eq!(text(Format::Json, &two), array);
    let lines = "BTCUSD,a,2024-03-06T11:59:00Z,0.30000000000000004,9223372036854775807\n\
                 \"odd \"\",\n€\",b,1970-01-01T00:00:00Z,,-9223372036854775808\n";
    assert_eq!(text(Format::Csv, &two), format!("asset,day,at,close,n\n{lines}{lines}"));
}

#[test]
fn no_rows_are_a_whole_answer_too() {
    assert_eq!(text(Format::Json, &[]), "[]");
    assert_eq!(text(Format::Ndjson, &[]), "");
    assert_eq!(text(Format::Csv, &[]), "asset,day,at,close,n\n");
    let arrow = written(Format::Arrow, &[]);
    let read = StreamReader::try_new(&*arrow, None).unwrap();
    assert_eq!((read.schema().fields().len(), read.count()), (5, 0));
}

#[test]
fn binary_forms_read_back_as_every_reader_knows_them() {
    let plain_schema = Schema::new(vec![
        Field::new("asset", DataType::Utf8, false),
        Field::new("day", DataType::Utf8, false),
        batch().schema().field(2).clone(),
        Field::new("close", DataType::Float64, true),
        Field::new("n", DataType::Int64, false),
    ]);
    let expected = plainly(&batch(), &Arc::new(plain_schema)).unwrap();
    let arrow = written(Format::Arrow, &[batch(), batch()]);
    let read: Vec<_> = StreamReader::try_new(&*arrow, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, [expected.clone(), expected.clone()]);
    let parquet = Bytes::from(written(Format::Parquet, &[batch()]));
    let read = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    assert_eq!(read.map(Result::unwrap).collect::<Vec<_>>(), [expected]);
}

#[test]
fn media_types_are_taken_by_name_and_by_kind() {
    assert!(Format::Csv.is_taken("Text/CSV; header=present"));
    assert!(Format::Parquet.is_taken("application/*"));
    assert!(Format::Ndjson.is_taken("application/jsonl"));
    assert!(!Format::Csv.is_taken("application/*"));
    assert!(!Format::Json.is_taken("application/jso"));
}
