//! The yardstick: fetch, decode, write, with no care taken of anything.

use std::net::SocketAddr;

use barkeep::market::Window;
use deltalake::{
    DeltaTable,
    arrow::{
        array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
        datatypes::{DataType as Arrow, Field, Schema, TimeUnit},
    },
    kernel::{DataType, PrimitiveType, StructField},
    parquet::{
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
    protocol::SaveMode,
};
use futures::{StreamExt, TryStreamExt, stream};
use url::Url;

type Row = (i64, f64, f64, f64, f64, f64);

/// Fetches `window` of 1m candles of every product and writes them in one Delta commit; rows.
pub(crate) async fn run(
    exchange: SocketAddr,
    products: &[String],
    window: Window,
    folder: &std::path::Path,
) -> usize {
    #[expect(clippy::disallowed_methods, reason = "the yardstick has a client of its own")]
    let client = reqwest::Client::builder().build().expect("a client");
    let fetch = |product: String| {
        let client = client.clone();
        async move {
            let run = tokio::spawn(fetch_series(client, exchange, product.clone(), window));
            (product, run.await.expect("no panic"))
        }
    };
    let series = stream::iter(products.iter().cloned().map(fetch)).buffered(8);
    let batches: Vec<RecordBatch> =
        series.map(|(product, rows)| batch(&product, &rows)).collect().await;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    write(folder, batches).await;
    rows
}

async fn fetch_series(
    client: reqwest::Client,
    exchange: SocketAddr,
    product: String,
    window: Window,
) -> Vec<Row> {
    let pages = window.chunks(barkeep::market::Timeframe::M1, 300).map(|page| {
        let (start, end) = (page.start.timestamp(), page.end.timestamp() - 60);
        let url = format!(
            "http://{exchange}/products/{product}/candles?granularity=60&start={start}&end={end}"
        );
        let client = client.clone();
        async move {
            let body = client.get(url).send().await?.bytes().await?;
            let mut rows: Vec<Row> = serde_json::from_slice(&body).expect("candles");
            rows.reverse();
            Ok::<_, reqwest::Error>(rows)
        }
    });
    let pages: Vec<Vec<Row>> =
        stream::iter(pages).buffered(4).try_collect().await.expect("an answer");
    pages.concat()
}

fn batch(product: &str, rows: &[Row]) -> RecordBatch {
    let float = |name: &str| Field::new(name, Arrow::Float64, true);
    let time = Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Schema::new(vec![
        Field::new("asset", Arrow::Utf8, true),
        Field::new("ts", time, true),
        float("open"),
        float("high"),
        float("low"),
        float("close"),
        float("volume"),
    ]);
    let column = |value: fn(&Row) -> f64| -> ArrayRef {
        std::sync::Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
    };
    let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.0 * 1_000_000));
    let assets = StringArray::from_iter_values(std::iter::repeat_n(product, rows.len()));
    RecordBatch::try_new(
        std::sync::Arc::new(schema),
        vec![
            std::sync::Arc::new(assets),
            std::sync::Arc::new(times.with_timezone("UTC")),
            column(|r| r.3),
            column(|r| r.2),
            column(|r| r.1),
            column(|r| r.4),
            column(|r| r.5),
        ],
    )
    .expect("columns that fit")
}

async fn write(folder: &std::path::Path, batches: Vec<RecordBatch>) {
    std::fs::create_dir_all(folder).expect("a folder");
    let url = Url::from_directory_path(folder).expect("an absolute path");
    let field = |name: &str, kind| StructField::new(name, DataType::Primitive(kind), true);
    let mut columns =
        vec![field("asset", PrimitiveType::String), field("ts", PrimitiveType::Timestamp)];
    columns.extend(
        ["open", "high", "low", "close", "volume"].map(|name| field(name, PrimitiveType::Double)),
    );
    let table = DeltaTable::try_from_url(url).await.expect("a folder for a table");
    let table = table
        .create()
        .with_columns(columns)
        .with_partition_columns(["asset"])
        .await
        .expect("a table");
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).expect("a level"));
    table
        .write(batches)
        .with_save_mode(SaveMode::Append)
        .with_writer_properties(WriterProperties::builder().set_compression(zstd).build())
        .await
        .expect("a commit");
}
