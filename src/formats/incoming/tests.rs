//! Rows in every form, good ones and bad ones.

use deltalake::arrow::{
    array::{ArrayRef, AsArray, Float32Array, Int64Array, StringArray, UInt64Array},
    datatypes::{DataType, Float64Type, Int32Type},
};
use std::sync::Arc;

use super::*;
use crate::formats::Encoder;

fn wanted() -> Schema {
    Schema::new(vec![
        Field::new("asset", Kind::Text.arrow(), false),
        Field::new("price", Kind::Float.arrow(), true),
        Field::new("count", Kind::Int.arrow(), true),
        Field::new("at", Kind::Timestamp.arrow(), true),
    ])
}

fn taken(format: Format, body: &'static str) -> Incoming {
    read(format, &Bytes::from_static(body.as_bytes()), &wanted(), Further::Read).unwrap()
}

fn told(incoming: &Incoming) -> Vec<String> {
    incoming.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_rows_are_read_whatever_form_they_have() {
    let json = r#"[{"asset":"A","price":1,"count":2,"at":"2024-05-01T02:00:00+02:00"},
                   {"asset":"B","price":null}]"#;
    let lines = "{\"asset\":\"A\",\"price\":1.0,\"count\":2,\"at\":\"2024-05-01T00:00:00Z\"}\n\n\
                 {\"asset\":\"B\"}\n";
    let csv = "at,asset,count,price\n2024-05-01T00:00:00Z,A,2,1e0\n,B,,\n";
    let rows = taken(Format::Json, json).rows;
    assert_eq!(rows.num_rows(), 2);
    assert_eq!(taken(Format::Ndjson, lines).rows, rows);
    assert_eq!(taken(Format::Csv, csv).rows, rows);
    for format in [Format::Arrow, Format::Parquet] {
        let mut encoder = Encoder::new(format, &rows.schema()).unwrap();
        let body = [encoder.write(&rows).unwrap(), encoder.finish().unwrap()].concat();
        let again = read(format, &body.into(), &wanted(), Further::Read).unwrap();
        assert_eq!(again.rows, rows, "{format:?}");
        assert!(again.further.is_empty() && again.faults.is_empty());
    }
}

#[test]
fn a_row_that_does_not_fit_is_named_with_its_value_and_its_bytes() {
    let incoming = taken(
        Format::Ndjson,
        "{\"asset\":\"A\",\"price\":\"1\"}\n{\"price\":1}\n7\n{\"asset\":\"B\",\"count\":3000000000}\n\
         {\"asset\":\"C\",\"at\":\"2024-05-01T00:00:00\"}\n{\"asset\":\"D\",\"price\":[1]}\n{\"asset\":\"E\"}",
    );
    let told = told(&incoming);
    assert_eq!(told[0], "row 1, price: \"1\" is not a number");
    assert_eq!(told[1], "row 2, asset: there is no value");
    assert!(told[2].starts_with("row 3, is no JSON object"), "{}", told[2]);
    assert_eq!(told[3], "row 4, count: 3000000000 is not a whole number of its size");
    assert!(told[4].contains("an instant with its offset"), "{}", told[4]);
    assert_eq!(told[5], "row 6, price: an object or a list is not a number");
    assert_eq!(incoming.faults[1].raw, "{\"price\":1}");
    assert_eq!(incoming.rows.column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("E")]);

    let incoming = taken(Format::Csv, "asset,count\n\"A\nB\",1\nC\nD,x\nE,2\n");
    assert_eq!(incoming.faults[0].to_string(), "row 2, has 1 values, and the header 2");
    assert_eq!(
        incoming.faults[1].to_string(),
        "row 3, count: \"x\" is not a whole number of its size"
    );
    let raw: Vec<&[u8]> = incoming.faults.iter().map(|fault| &*fault.raw).collect();
    assert_eq!(raw, [&b"C"[..], b"D,x"]);
    let counts = incoming.rows.column(2).as_primitive::<Int32Type>();
    assert_eq!(counts.values().as_ref(), [1, 2]);
}

#[test]
fn further_columns_are_what_their_values_look_like() {
    let kinds = |incoming: &Incoming| -> Vec<(String, DataType)> {
        let named = incoming.further.iter();
        named.map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let csv = "asset,a,b,c,d,e,f\nA,1,1.5,true,2024-05-01,2024-05-01T00:00:00Z,\nB,2,2,false,,,\n";
    let incoming = taken(Format::Csv, csv);
    let expected = [
        ("a", Kind::Long),
        ("b", Kind::Float),
        ("c", Kind::Bool),
        ("d", Kind::Date),
        ("e", Kind::Timestamp),
    ];
    assert_eq!(kinds(&incoming), expected.map(|(name, kind)| (name.to_owned(), kind.arrow())));
    assert_eq!(incoming.rows.num_columns(), 4 + 5, "nothing is known of an empty one");

    let mixed = taken(Format::Ndjson, "{\"asset\":\"A\",\"x\":1}\n{\"asset\":\"B\",\"x\":\"y\"}");
    assert_eq!(told(&mixed), ["row 2, x: \"y\" is not a whole number of its size"]);
    let body = Bytes::from_static(b"{\"asset\":\"A\",\"x\":1}\n{\"asset\":\"B\",\"x\":null}");
    let strict = read(Format::Ndjson, &body, &wanted(), Further::Fault).unwrap();
    assert_eq!(told(&strict), ["row 1, x: the table has no such column"]);
    assert_eq!((strict.rows.num_rows(), strict.rows.num_columns()), (1, 4));
    assert_eq!(strict.further.len(), 1);
}

#[test]
fn columns_of_other_programs_are_taken_where_nothing_is_lost() {
    let rows = |columns: Vec<(&str, ArrayRef)>| {
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let mut encoder = Encoder::new(Format::Arrow, &rows.schema()).unwrap();
        let body = [encoder.write(&rows).unwrap(), encoder.finish().unwrap()].concat();
        read(Format::Arrow, &body.into(), &wanted(), Further::Read)
    };
    let asset = || -> ArrayRef { Arc::new(StringArray::from(vec!["A", "B"])) };
    let taken = rows(vec![
        ("asset", asset()),
        ("price", Arc::new(Float32Array::from(vec![0.5, 2.0]))),
        ("count", Arc::new(Int64Array::from(vec![7, 1 << 40]))),
        ("size", Arc::new(UInt64Array::from(vec![1, 2]))),
    ])
    .unwrap();
    assert_eq!(taken.rows.column(1).as_primitive::<Float64Type>().values().as_ref(), [0.5]);
    assert_eq!(told(&taken), ["row 2, count: 1099511627776 is not a whole number of its size"]);
    assert!(taken.faults[0].raw.starts_with(b"{\"asset\":\"B\",\"price\":2.0"));
    let refused = rows(vec![("asset", asset()), ("price", asset())]).unwrap_err().to_string();
    assert_eq!(refused, "the column price is text here and float in the table");
}

#[test]
fn what_is_no_table_is_refused_as_a_whole() {
    for (format, body) in [
        (Format::Json, "{\"asset\":\"A\"}"),
        (Format::Json, "[{\"asset\":\"A\"}"),
        (Format::Csv, "asset,asset\nA,B\n"),
        (Format::Arrow, "asset"),
        (Format::Parquet, "PAR1"),
    ] {
        let body = Bytes::from_static(body.as_bytes());
        assert!(read(format, &body, &wanted(), Further::Read).is_err(), "{format:?}");
    }
    let columns = columns(Format::Csv, &Bytes::from_static(b"b,a\n1,x\n")).unwrap();
    assert_eq!(columns.len(), 2);
}
