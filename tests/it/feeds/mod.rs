//! News and macroeconomic indicators: what lands of them, once, whatever happens.

mod crash;
mod failures;
mod landing;
pub(crate) mod newsroom;
mod revisions;

use std::path::Path;

use deltalake::{
    DeltaTableBuilder,
    arrow::{array::RecordBatch, util::pretty::pretty_format_batches},
    delta_datafusion::DeltaSessionContext,
};
use url::Url;

/// What a reader who knows nothing of Barkeep finds in a table, called `t` in `sql`.
async fn query(lake: &Path, table: &str, sql: &str) -> Vec<RecordBatch> {
    let folder = lake.join("bronze").join(table).canonicalize().unwrap();
    let url = Url::from_directory_path(folder).unwrap();
    let table = DeltaTableBuilder::from_url(url).unwrap().load().await.unwrap();
    let context = DeltaSessionContext::default().into_inner();
    context.register_table("t", table.table_provider().await.unwrap()).unwrap();
    context.sql(sql).await.unwrap().collect().await.unwrap()
}

/// Like `query`, as a table of text.
async fn told(lake: &Path, table: &str, sql: &str) -> String {
    pretty_format_batches(&query(lake, table, sql).await).unwrap().to_string()
}

/// How many rows `query` gives.
async fn count(lake: &Path, table: &str, sql: &str) -> usize {
    query(lake, table, sql).await.iter().map(RecordBatch::num_rows).sum()
}

async fn rows(lake: &Path, table: &str) -> usize {
    count(lake, table, "select * from t").await
}

const NEWS: &str = "raw_news_sentiment";
const MACRO: &str = "raw_macro_indicators";
