//! The control store on both of its engines: the same schema, the same behaviour.

mod access;
mod chunks;
mod contract;
mod daemon;
mod leases;
mod letters;
mod listings;
mod migrate;
mod roster;
mod sessions;

use std::sync::Arc;

use barkeep::{config::StoreUrl, store::Store};
use chrono::{DateTime, Utc};
use sqlx::{
    ConnectOptions, Connection, Executor, postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;

use crate::support::postgres::Cluster;

/// A store that has just been made.
struct Bench {
    url: StoreUrl,
    store: Store,
    _folder: TempDir,
    _cluster: Option<Arc<Cluster>>,
}

/// A place for a store on either engine, with nothing there yet.
async fn places() -> [(String, TempDir, Option<Arc<Cluster>>); 2] {
    let folder = || tempfile::tempdir().unwrap();
    let file = folder();
    let sqlite = format!("sqlite:{}", file.path().join("store.db").display());
    let cluster = Cluster::shared().await;
    [(sqlite, file, None), (cluster.database().await, folder(), Some(cluster))]
}

/// One on either engine.
async fn both() -> Vec<Bench> {
    let mut benches = Vec::new();
    for (url, folder, cluster) in places().await {
        let url: StoreUrl = url.parse().unwrap();
        let store = Store::open(&url).await.unwrap();
        benches.push(Bench { url, store, _folder: folder, _cluster: cluster });
    }
    benches
}

/// A minute of an hour in 2024.
fn minute(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_709_726_400 + number * 60, 0).unwrap()
}

/// Runs statements on a database behind the store's back.
async fn execute(url: &str, text: &'static str) {
    if url.starts_with("sqlite:") {
        let options: SqliteConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        connection.execute(text).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let options: PgConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        connection.execute(text).await.unwrap();
        connection.close().await.unwrap();
    }
}
