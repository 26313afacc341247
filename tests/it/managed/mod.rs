//! Managed tables: upserts that touch what they must, and tell whoever asks what has changed.

mod property;

use std::{collections::HashMap, sync::Arc};

use barkeep::{
    config::Config,
    lake::{CommitRecord, Definition, Lake, LakeError, NewColumns, Rest, Scope, Table},
    telemetry::Metrics,
};
use deltalake::arrow::{
    array::{
        Array, ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    },
    compute::cast,
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema},
};
use tempfile::TempDir;

struct Stage {
    folder: TempDir,
    lake: Lake,
}

impl Stage {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lake = open(&folder).await;
        Self { folder, lake }
    }
}

/// As another process would see it.
async fn open(folder: &TempDir) -> Lake {
    let path = folder.path().to_str().unwrap().to_owned();
    let environment = HashMap::from([("BARKEEP__LAKE__PATH".to_owned(), path)]);
    let config = Config::from_layers(None, environment).unwrap();
    Lake::open(&config.lake, &Metrics::new().unwrap()).await.unwrap()
}

fn definition(key: &[&str], partition_by: &[&str]) -> Definition {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Definition {
        name: "user.prices".parse().unwrap(),
        columns: Arc::new(Schema::new(vec![
            Field::new("day", DataType::Date32, false),
            Field::new("asset", DataType::Utf8, false),
            Field::new("at", DataType::Int64, false),
            Field::new("price", DataType::Float64, true),
        ])),
        partition_by: owned(partition_by),
        key: owned(key),
        sort: Vec::new(),
        new_columns: NewColumns::Evolve,
    }
}

fn keyed() -> Definition {
    definition(&["asset", "at"], &["day"])
}

/// Day, asset, time and price.
type Row = (i32, &'static str, i64, f64);

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 4] = [
        ("day", Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Date32Array>())),
        ("asset", Arc::new(rows.iter().map(|row| Some(row.1)).collect::<StringArray>())),
        ("at", Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>())),
        ("price", Arc::new(rows.iter().map(|row| Some(row.3)).collect::<Float64Array>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn nobody() -> CommitRecord {
    CommitRecord::of_request(None)
}

/// Asset, time and price of every row, in order.
async fn content(table: &Table) -> Vec<(String, i64, f64)> {
    let context = deltalake::datafusion::prelude::SessionContext::new();
    let rows = table.rows(barkeep::lake::Past::default()).await.unwrap();
    let batches = context.read_table(rows).unwrap().collect().await.unwrap();
    let mut all: Vec<_> = batches.iter().flat_map(triples).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all
}

fn triples(batch: &RecordBatch) -> Vec<(String, i64, f64)> {
    let assets = cast(batch.column_by_name("asset").unwrap(), &DataType::Utf8).unwrap();
    let (assets, times) = (assets.as_string::<i32>(), batch.column_by_name("at").unwrap());
    let prices = batch.column_by_name("price").unwrap().as_primitive::<Float64Type>();
    let times = times.as_primitive::<Int64Type>();
    let row = |row| (assets.value(row).to_owned(), times.value(row), prices.value(row));
    (0..assets.len()).map(row).collect()
}

#[tokio::test]
async fn a_merge_replaces_by_key_and_touches_no_other_file() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&keyed()).await.unwrap();
    let first = [batch(&[(1, "A", 1, 1.0), (1, "B", 1, 2.0), (2, "A", 2, 3.0)])];
    let done = table.merge(&first, Rest::Stays, &nobody()).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.files_replaced), (3, 0, 0));

    let next = [batch(&[(1, "A", 1, 1.5), (1, "B", 1, 2.0), (1, "C", 9, 9.0)])];
    let done = table.merge(&next, Rest::Stays, &nobody()).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.unchanged), (1, 1, 1));
    assert_eq!(done.files_replaced, 1, "the file of the second day stays");
    let expected = [("A", 1, 1.5), ("A", 2, 3.0), ("B", 1, 2.0), ("C", 9, 9.0)];
    assert_eq!(content(&table).await, expected.map(|(a, t, p)| (a.to_owned(), t, p)));

    let again = table.merge(&next, Rest::Stays, &nobody()).await.unwrap();
    assert_eq!((again.version, again.unchanged), (done.version, 3), "nothing is committed");
}

#[tokio::test]
async fn what_has_changed_is_told_without_what_was_only_moved() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&keyed()).await.unwrap();
    let first = [batch(&[(1, "A", 1, 1.0), (1, "B", 1, 2.0)])];
    let before = table.merge(&first, Rest::Stays, &nobody()).await.unwrap().version;
    table.merge(&[batch(&[(1, "A", 1, 1.5)])], Rest::Stays, &nobody()).await.unwrap();
    table.merge(&[batch(&[(2, "D", 5, 4.0)])], Rest::Stays, &nobody()).await.unwrap();
    table.compact_fully().await.unwrap();
    let changes = table.changes(before, &["asset", "at", "price", "day"]).await.unwrap();
    let told: Vec<_> = changes.rows.iter().flat_map(triples).collect();
    assert_eq!(told, [("A".to_owned(), 1, 1.5), ("D".to_owned(), 5, 4.0)]);
    let days = changes.rows[1].column_by_name("day").unwrap();
    assert_eq!(days.data_type(), &DataType::Date32, "the partition's value is a column");
    assert_eq!(changes.version, table.version());
    assert_eq!(content(&table).await.len(), 3);
}

#[tokio::test]
async fn a_whole_table_may_be_given_and_the_rest_goes() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&keyed()).await.unwrap();
    let first = [batch(&[(1, "A", 1, 1.0), (1, "B", 1, 2.0), (2, "C", 3, 3.0)])];
    table.merge(&first, Rest::Stays, &nobody()).await.unwrap();
    let whole = [batch(&[(1, "B", 1, 2.0), (1, "E", 4, 4.0)])];
    let done = table.merge(&whole, Rest::Goes, &nobody()).await.unwrap();
    assert_eq!((done.inserted, done.unchanged, done.removed), (1, 1, 2));
    let left = [("B", 1, 2.0), ("E", 4, 4.0)].map(|(a, t, p)| (a.to_owned(), t, p));
    assert_eq!(content(&table).await, left);
}

#[tokio::test]
async fn partitions_are_overwritten_and_rows_without_a_key_appended() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&definition(&[], &["day"])).await.unwrap();
    let rows = [batch(&[(1, "A", 1, 1.0), (2, "A", 2, 2.0)])];
    table.append(&rows, &nobody()).await.unwrap();
    table.append(&rows, &nobody()).await.unwrap();
    assert_eq!(content(&table).await.len(), 4);
    let one_day = [batch(&[(1, "Z", 7, 7.0)])];
    let done = table.overwrite(&one_day, Scope::Partitions, &nobody()).await.unwrap();
    assert_eq!((done.inserted, done.removed), (1, 2));
    assert_eq!(content(&table).await.len(), 3);
    table.overwrite(&one_day, Scope::Table, &nobody()).await.unwrap();
    assert_eq!(content(&table).await, [("Z".to_owned(), 7, 7.0)]);
    assert!(table.merge(&one_day, Rest::Stays, &nobody()).await.is_err(), "it has no key");
}

#[tokio::test]
async fn a_request_that_is_repeated_does_nothing_also_by_another_process() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&definition(&[], &[])).await.unwrap();
    let rows = [batch(&[(1, "A", 1, 1.0)])];
    let record = || CommitRecord::of_request(Some("order-7".to_owned()));
    table.append(&rows, &record()).await.unwrap();
    assert_eq!(table.append(&rows, &record()).await.unwrap().inserted, 0);
    let other = open(&stage.folder).await;
    let same = other.named("user.prices").unwrap();
    assert_eq!(same.append(&rows, &record()).await.unwrap().inserted, 0);
    assert_eq!(content(&same).await.len(), 1);
}

#[tokio::test]
async fn two_processes_merge_at_once_and_neither_loses_a_row() {
    let stage = Stage::new().await;
    let ours = stage.lake.managed(&keyed()).await.unwrap();
    let other = open(&stage.folder).await;
    let theirs = other.managed(&keyed()).await.unwrap();
    for round in 0..8_i64 {
        let (a, b) = (
            [batch(&[(1, "A", round, 1.0), (1, "S", 0, round as f64)])],
            [batch(&[(1, "B", round, 2.0), (1, "S", 0, -round as f64)])],
        );
        let records = (nobody(), nobody());
        let (mine, yours) = tokio::join!(
            ours.merge(&a, Rest::Stays, &records.0),
            theirs.merge(&b, Rest::Stays, &records.1)
        );
        mine.unwrap();
        yours.unwrap();
        if round % 3 == 0 {
            ours.compact_fully().await.unwrap();
        }
    }
    ours.look().await.unwrap();
    let rows = content(&ours).await;
    assert_eq!(rows.len(), 17, "{rows:?}");
}

#[tokio::test]
async fn columns_may_be_added_and_old_rows_have_null_there() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&keyed()).await.unwrap();
    table.merge(&[batch(&[(1, "A", 1, 1.0)])], Rest::Stays, &nobody()).await.unwrap();
    table.widen(&[Field::new("note", DataType::Utf8, true)]).await.unwrap();
    let rows = [batch(&[(1, "B", 1, 2.0)])];
    let schema = Schema::try_merge([
        rows[0].schema().as_ref().clone(),
        Schema::new(vec![Field::new("note", DataType::Utf8, true)]),
    ]);
    let mut columns = rows[0].columns().to_vec();
    columns.push(Arc::new(StringArray::from(vec!["new"])));
    let wide = RecordBatch::try_new(Arc::new(schema.unwrap()), columns).unwrap();
    table.merge(&[wide], Rest::Stays, &nobody()).await.unwrap();
    table.compact_fully().await.unwrap();
    assert_eq!(content(&table).await.len(), 2);
    let other = open(&stage.folder).await;
    let schema = other.named("user.prices").unwrap().schema().unwrap();
    assert!(schema.field_with_name("note").is_ok());
    let clash = table.widen(&[Field::new("price", DataType::Utf8, true)]).await.unwrap_err();
    assert!(clash.to_string().contains("has price as Float64"), "{clash}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_says_why() {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&keyed()).await.unwrap();
    let twice = [batch(&[(1, "A", 1, 1.0), (1, "A", 1, 2.0)])];
    let refused = |error: LakeError| error.to_string();
    let said = refused(table.merge(&twice, Rest::Stays, &nobody()).await.unwrap_err());
    assert!(said.contains("twice"), "{said}");
    let said = refused(table.append(&twice, &nobody()).await.unwrap_err());
    assert!(said.contains("merged"), "{said}");
    for (other, why) in [
        (definition(&["asset"], &["day"]), "has the key asset, at"),
        (definition(&["asset", "at"], &[]), "is partitioned by day"),
        (definition(&["nothing"], &[]), "there is no column nothing"),
        (definition(&["asset", "at"], &["price"]), "price is no text and no date"),
    ] {
        let said = refused(stage.lake.managed(&other).await.unwrap_err());
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(content(&table).await, []);
}
