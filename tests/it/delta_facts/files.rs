//! What is written into files, how they are compacted, and what a reader gets back.

use deltalake::parquet::basic::{Compression, ZstdLevel};
use deltalake::parquet::file::properties::WriterProperties;
use deltalake::parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;

#[tokio::test]
async fn staged_files_carry_statistics_and_the_compression_asked_for() {
    let lake = Lake::create(&[]).await;
    let table = lake.open().await;
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let writer = RecordBatchWriter::for_table(&table).unwrap();
    let mut writer = writer.with_writer_properties(properties);
    writer.write(bars("BTC", 0, 3)).await.unwrap();
    let adds = writer.flush().await.unwrap();

    // So queries skip files by time and asset, though no plan was run to write them.
    let statistics = statistics(&adds[0]);
    assert_eq!(statistics["numRecords"], 3);
    assert_eq!(statistics["minValues"]["ts"], "2024-10-04T00:00:00Z");
    assert_eq!(statistics["maxValues"]["ts"], "2024-10-04T00:02:00Z");
    assert_eq!(statistics["minValues"]["asset"], "BTC");
    assert_eq!(statistics["maxValues"]["close"], 102.0);
    assert_eq!(adds[0].partition_values["date"].as_deref(), Some("2024-10-04"));

    // The default is snappy, so the writer and compaction both name the codec.
    let file = std::fs::File::open(lake.file(&adds[0].path)).unwrap();
    let parquet = SerializedFileReader::new(file).unwrap();
    let codec = parquet.metadata().row_group(0).column(0).compression();
    assert!(matches!(codec, Compression::ZSTD(_)), "{codec}");

    // Nothing is visible before the commit, so an abandoned batch leaves only a file to vacuum.
    assert_eq!(lake.rows().await, 0);
    append_staged(&table, adds, quiet()).await.unwrap();
    assert_eq!(lake.rows().await, 3);
}

#[tokio::test]
async fn compaction_by_hand_keeps_the_rows_and_disturbs_no_append() {
    let lake = Lake::create(&[]).await;
    lake.grow(0, 2).await;
    let stale = lake.grow(2, 2).await;

    // So compaction may sort and deduplicate as it likes, with the same commit as an append.
    let compacted = compact(&lake.open().await, bars("BTC", 0, 4), quiet()).await.unwrap();
    assert_eq!(compacted.snapshot().unwrap().log_data().num_files(), 1);
    assert_eq!(lake.rows().await, 4);

    append(&stale, bars("ETH", 0, 1), quiet()).await.unwrap();
    assert_eq!(lake.rows().await, 5);
}

#[tokio::test]
async fn two_compactions_of_the_same_files_both_land_and_double_the_rows() {
    let lake = Lake::create(&[]).await;
    lake.grow(0, 2).await;
    let stale = lake.grow(2, 2).await;
    compact(&lake.open().await, bars("BTC", 0, 4), quiet()).await.unwrap();

    // The conflict check overlooks files removed without a change of data. When this one fails,
    // the library has learnt to refuse, and the bookmark of the next test is no longer needed.
    compact(&stale, bars("BTC", 0, 4), quiet()).await.unwrap();

    assert_eq!(lake.rows().await, 8);
}

#[tokio::test]
async fn a_bookmark_of_its_own_keeps_compaction_from_racing_itself() {
    let lake = Lake::create(&[]).await;
    lake.grow(0, 2).await;
    let stale = lake.grow(2, 2).await;
    let first = bookmarked("compaction", 1);
    compact(&lake.open().await, bars("BTC", 0, 4), first).await.unwrap();

    // So every compaction moves one and the same bookmark, whatever files it is about.
    let refused = compact(&stale, bars("BTC", 0, 4), bookmarked("compaction", 2)).await;

    assert!(matches!(conflict(refused), CommitConflictError::ConcurrentTransaction));
    assert_eq!(lake.rows().await, 4);
}

#[tokio::test]
async fn an_append_only_table_can_be_compacted_but_not_deleted_from() {
    let lake = Lake::create(&[("delta.appendOnly", "true")]).await;
    lake.grow(0, 2).await;
    let table = lake.grow(2, 2).await;

    // So the table itself holds every tool that writes to it to "bars are only ever added".
    let refused = table.clone().delete().with_predicate("close > 100.0").await.unwrap_err();
    let DeltaTableError::Transaction { source } = refused else { panic!("{refused}") };
    assert!(matches!(source, TransactionError::DeltaTableAppendOnly));

    compact(&table, bars("BTC", 0, 4), quiet()).await.unwrap();
    assert_eq!(lake.rows().await, 4);
}

#[tokio::test]
async fn nan_is_accepted_and_then_left_out_of_the_statistics() {
    let lake = Lake::create(&[]).await;
    let closes = vec![Some(f64::NAN), Some(1.0), Some(2.0)];

    // So validation refuses it: here it would land, and file skipping would then lose it.
    let adds = stage(&lake.open().await, bars_closing("BTC", 0, closes, fields())).await.unwrap();

    assert_eq!(statistics(&adds[0])["maxValues"]["close"], 2.0);
    assert_eq!(statistics(&adds[0])["nullCount"]["close"], 0);
}

#[tokio::test]
async fn null_in_a_column_that_forbids_it_is_rejected() {
    let lake = Lake::create(&[]).await;
    let table = lake.open().await;
    let lenient = fields().into_iter().map(|field| field.with_nullable(true)).collect();
    let batch = bars_closing("BTC", 0, vec![Some(1.0), None], lenient);

    // So a hole in the data cannot become a bar, whatever happened upstream.
    let refused = stage(&table, batch.clone()).await.unwrap_err();
    assert!(matches!(refused, DeltaTableError::InvalidData { .. }), "{refused}");
    assert!(table.write([batch]).await.is_err());
}

#[tokio::test]
async fn a_missing_column_is_rejected_even_if_it_may_be_null() {
    let lake = Lake::create(&[]).await;
    let table = lake.open().await;
    let narrow = bars("BTC", 0, 1).project(&[0, 1, 2, 3]).unwrap();

    // So batches are padded to the schema of the table before they are staged.
    let refused = stage(&table, narrow.clone()).await.unwrap_err();
    assert!(matches!(refused, DeltaTableError::SchemaMismatch { .. }), "{refused}");
    assert!(table.write([narrow]).await.is_err());
}

#[tokio::test]
async fn an_extra_column_is_dropped_in_silence_when_staged() {
    let lake = Lake::create(&[]).await;
    let table = lake.open().await;
    let bars = bars("BTC", 0, 1);
    let mut wide_fields = fields();
    wide_fields.push(Field::new("trades", ArrowType::Float64, true));
    let mut columns = bars.columns().to_vec();
    columns.push(bars.column(3).clone());
    let wide = RecordBatch::try_new(Arc::new(Schema::new(wide_fields)), columns).unwrap();

    // So the committer compares schemas itself and does not lean on the writer for it.
    let adds = stage(&table, wide.clone()).await.unwrap();

    assert_eq!(statistics(&adds[0])["nullCount"].get("trades"), None);
    assert!(table.write([wide]).await.is_err());
}

#[tokio::test]
async fn a_registered_provider_does_not_see_later_commits() {
    let lake = Lake::create(&[]).await;
    let session = session(&lake.grow(0, 2).await).await;
    lake.grow(2, 2).await;

    // So a query registers the version it wants, and gets that one to its end.
    assert_eq!(rows(&session).await, 2);
    assert_eq!(lake.rows().await, 4);
}

#[tokio::test]
async fn strings_come_back_as_views_and_dates_as_dates() {
    let lake = Lake::create(&[]).await;
    let session = session(&lake.grow(0, 1).await).await;
    let provider = lake.open().await.table_provider().await.unwrap();
    let promised = provider.schema();
    let batches = session.table("bars").await.unwrap().collect().await.unwrap();
    let delivered = batches[0].schema();

    // So batches read for compaction are cast to the schema of the table before they are staged.
    for schema in [promised, delivered] {
        let read_as = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
        assert_eq!(read_as("asset"), ArrowType::Utf8View);
        // A partition column, yet no dictionary: only text partitions come back as one.
        assert_eq!(read_as("date"), ArrowType::Date32);
        assert_eq!(read_as("ts"), *fields()[2].data_type());
        assert_eq!(read_as("close"), ArrowType::Float64);
    }
}
