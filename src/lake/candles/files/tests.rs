//! Which pages of a file are looked at, and what becomes of files of strangers.

use bytes::Bytes;
use chrono::DateTime;
use deltalake::{
    arrow::{
        array::{Float32Array, TimestampNanosecondArray},
        datatypes::{DataType, TimeUnit},
    },
    parquet::{
        arrow::{
            ArrowWriter,
            arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
        },
        file::{
            metadata::PageIndexPolicy,
            properties::{EnabledStatistics, WriterProperties},
        },
    },
};

use super::*;

const ASSETS: [&str; 3] = ["BTCUSD", "ETHUSD", "SOLUSD"];
/// Rows of one asset; pages have 10, row groups 100.
const MINUTES: i64 = 150;

fn rows() -> RecordBatch {
    let assets: Vec<_> = ASSETS.iter().flat_map(|asset| [*asset; 150]).collect();
    let times = [0..MINUTES, 0..MINUTES, 0..MINUTES].into_iter().flatten();
    let times =
        TimestampMicrosecondArray::from_iter_values(times.map(|minute| minute * 60_000_000))
            .with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] = [
        ("asset_pair", Arc::new(StringArray::from(assets))),
        ("source_provider", Arc::new(StringArray::from(vec!["coinbase"; 450]))),
        ("timestamp", Arc::new(times)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn written(rows: &RecordBatch, statistics: EnabledStatistics) -> (Bytes, ArrowReaderMetadata) {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(10)
        .set_statistics_enabled(statistics)
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    let file = Bytes::from(file);
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let footer = ArrowReaderMetadata::load(&file, options).unwrap();
    (file, footer)
}

fn wanted(asset: &str, from: i64, until: i64) -> Wanted {
    let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap();
    let series = format!("coinbase/{asset}/1m").parse().unwrap();
    Wanted::of(&series, Window::new(at(from), at(until))).unwrap()
}

/// How many rows are looked at, and how many of them are wanted.
fn found(file: &Bytes, footer: &ArrowReaderMetadata, wanted: &Wanted) -> (usize, usize) {
    let (groups, places) = wanted.places(footer).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), footer.clone())
        .with_row_groups(groups)
        .with_row_selection(places)
        .build()
        .unwrap();
    reader.map(Result::unwrap).fold((0, 0), |(looked_at, found), keys| {
        let among = wanted.are_among(&keys).unwrap();
        (looked_at + keys.num_rows(), found + among.true_count())
    })
}

#[test]
fn only_the_pages_that_can_have_the_rows_are_looked_at() {
    let (file, footer) = written(&rows(), EnabledStatistics::Page);
    assert_eq!(footer.metadata().num_row_groups(), 5);
    assert_eq!(found(&file, &footer, &wanted("ETHUSD", 20, 40)), (20, 20));
    assert_eq!(found(&file, &footer, &wanted("ETHUSD", 25, 26)), (10, 1));
    // Over the edge of a row group.
    assert_eq!(found(&file, &footer, &wanted("ETHUSD", 45, 55)), (20, 10));
    assert_eq!(found(&file, &footer, &wanted("BTCUSD", -10, 500)), (150, 150));
    for none in [wanted("ADAUSD", 0, 150), wanted("BTCUSD", 150, 500), wanted("SOLUSD", -9, 0)] {
        assert_eq!(found(&file, &footer, &none), (0, 0));
    }
}

#[test]
fn a_file_that_does_not_tell_is_looked_at_as_a_whole() {
    let (file, footer) = written(&rows(), EnabledStatistics::None);
    assert_eq!(found(&file, &footer, &wanted("ETHUSD", 20, 40)), (450, 20));
}

#[test]
fn files_of_strangers_are_read_whatever_their_types() {
    let times = TimestampNanosecondArray::from(vec![0, 60_000_000_000]);
    let columns: [(&str, ArrayRef); 4] = [
        ("asset_pair", cast(&StringArray::from(vec!["BTCUSD"; 2]), &DataType::Utf8View).unwrap()),
        ("source_provider", Arc::new(StringArray::from(vec!["coinbase"; 2]))),
        ("timestamp", Arc::new(times.with_timezone("UTC"))),
        ("open", Arc::new(Float32Array::from(vec![1.5, 2.5]))),
    ];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let (file, footer) = written(&rows, EnabledStatistics::Page);
    assert_eq!(found(&file, &footer, &wanted("BTCUSD", 1, 2)), (2, 1));

    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = |volume_may_lack| {
        Arc::new(Schema::new(vec![
            Field::new("timestamp", instant.clone(), false),
            Field::new("open", DataType::Float64, false),
            Field::new("volume", DataType::Float64, volume_may_lack),
        ]))
    };
    let fitted = fit(&rows, &schema(true)).unwrap();
    assert_eq!(fitted.schema(), schema(true));
    assert_eq!(fitted.column(2).null_count(), 2);
    let refused = fit(&rows, &schema(false)).unwrap_err().to_string();
    assert!(refused.contains("volume"), "{refused}");
}
