//! Parquet columns of every type that is read.

use std::sync::Arc;

use deltalake::{
    arrow::array::{
        ArrayRef, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
        LargeStringArray, RecordBatch, StringArray, StringViewArray, TimestampMillisecondArray,
        TimestampNanosecondArray,
    },
    parquet::arrow::ArrowWriter,
};

use super::*;

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Columns of two hourly candles, the time as given.
fn two_candles(time: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let floats = |values: [f64; 2]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    vec![
        ("timestamp", time),
        ("Open", floats([1.0, 2.0])),
        ("High", floats([3.0, 4.0])),
        ("Low", floats([0.5, 0.25])),
        ("Close", floats([2.0, 3.0])),
    ]
}

#[test]
fn parquet_times_of_every_type_are_the_same_times() {
    let millis = vec![1_704_067_200_000, 1_704_153_600_000];
    let nanos: Vec<i64> = millis.iter().map(|at| at * 1_000_000).collect();
    let text = ["2024-01-01T00:00:00Z", "2024-01-02"].to_vec();
    let times: [ArrayRef; 9] = [
        Arc::new(TimestampMillisecondArray::from(millis.clone())),
        Arc::new(TimestampMillisecondArray::from(millis.clone()).with_timezone("America/New_York")),
        Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC")),
        Arc::new(Date32Array::from(vec![19_723, 19_724])),
        Arc::new(Int64Array::from(millis.clone())),
        Arc::new(Float64Array::from_iter_values(millis.iter().map(|at| *at as f64 / 1e3))),
        Arc::new(StringArray::from(text.clone())),
        Arc::new(LargeStringArray::from(text.clone())),
        Arc::new(StringViewArray::from(text)),
    ];
    for time in times {
        let kind = time.data_type().clone();
        // A name that does not matter: content says Parquet.
        let batch = read_as("a.bin", parquet(two_candles(time)), "", 10).unwrap().remove(0);
        let expected: Vec<i64> = millis.iter().map(|at| at * 1_000).collect();
        assert_eq!(batch.candles.open_time, expected, "{kind}: {:?}", batch.unreadable);
        assert_eq!(batch.candles.close, [2.0, 3.0]);
        assert_eq!(batch.candles.volume, [None, None]);
    }
}

#[test]
fn parquet_numbers_of_every_type_and_a_row_that_has_none() {
    let decimal = Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(10, 3);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(Int64Array::from(vec![1_704_067_200, 1_704_070_800]))),
        ("open", Arc::new(decimal.unwrap())),
        ("high", Arc::new(StringArray::from(vec!["20.1", "x"]))),
        ("low", Arc::new(Float32Array::from(vec![0.5, 0.5]))),
        ("close", Arc::new(Int64Array::from(vec![15, 16]))),
        ("volume", Arc::new(Float64Array::from_iter(vec![Some(f64::NAN), Some(1.0)]))),
    ];
    let batch = read_as("a.parquet", parquet(columns), "", 10).unwrap().remove(0);
    let candle = batch.candles.get(0);
    assert_eq!([candle.open, candle.high, candle.low, candle.close], [12.345, 20.1, 0.5, 15.0]);
    assert_eq!((candle.volume, &batch.rows[..]), (None, &[0][..]));
    assert_eq!(batch.unreadable, [(1, "row 2, column \"open\": \"\" is not a number".to_owned())]);
    let raw: serde_json::Value = serde_json::from_slice(&batch.raw.row(1)).unwrap();
    assert_eq!((&raw["open"], &raw["high"]), (&serde_json::Value::Null, &"x".into()));
    assert_eq!(batch.raw.row(2).len(), 0);
    let without = two_candles(Arc::new(StringArray::from(vec!["a", "b"])))[..4].to_vec();
    let error = read_as("a.parquet", parquet(without), "", 10).unwrap_err().to_string();
    assert!(error.contains("for close") && error.contains("\"Low\""), "{error}");
}
