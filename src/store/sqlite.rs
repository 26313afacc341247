//! The embedded engine: one connection writes, several read; all see the same file.

use std::{path::Path, str::FromStr, time::Duration};

use secrecy::ExposeSecret;
use sqlx::{
    Sqlite, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    StoreError, migrations,
    statement::{Progress, Record, Statement},
};
use crate::config::StoreUrl;

#[derive(Debug, Clone)]
pub(super) struct SqliteEngine {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl SqliteEngine {
    /// Creates the file and its folder if they are absent, and brings the schema up to date.
    pub(super) async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let broken = |source| StoreError::Open { url: url.clone(), source };
        let options = options(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let file = file(url, &options);
        if let Some(folder) = file.and_then(Path::parent) {
            std::fs::create_dir_all(folder)?;
        }
        let pool = |size| SqlitePoolOptions::new().max_connections(size).min_connections(1);
        let writer = pool(1).connect_with(options.clone()).await.map_err(broken)?;
        migrations::run(&mut *writer.acquire().await?).await?;
        let reader = if file.is_some() {
            pool(4).connect_with(options.clone().read_only(true)).await.map_err(broken)?
        } else {
            writer.clone()
        };
        Ok(Self { writer, reader })
    }

    /// The database as it is, to be read from; `None` if there is none.
    pub(super) async fn look(url: &StoreUrl) -> Result<Option<Self>, StoreError> {
        let options = options(url)?.read_only(true);
        if !file(url, &options).is_some_and(Path::exists) {
            return Ok(None);
        }
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(|source| StoreError::Open { url: url.clone(), source })?;
        Ok(Some(Self { writer: pool.clone(), reader: pool }))
    }

    pub(super) async fn read<R: Record>(&self, statement: &Statement) -> sqlx::Result<Vec<R>> {
        statement.rows::<Sqlite, R>()?.fetch_all(&self.reader).await
    }

    /// Takes the right to write at once: another process may be writing.
    pub(super) async fn write(&self, statements: &[Statement]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("begin immediate").await?;
        let mut progress = Progress::default();
        for statement in statements {
            if progress.comes_to(statement) {
                let done = statement.query::<Sqlite>()?.execute(&mut *tx).await?;
                progress.past(statement, done.rows_affected())?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Writes one statement that answers with the rows it has changed.
    pub(super) async fn change<R: Record>(&self, statement: &Statement) -> sqlx::Result<Vec<R>> {
        let mut tx = self.writer.begin_with("begin immediate").await?;
        let rows = statement.rows::<Sqlite, R>()?.fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// The writer goes last: the last connection moves the journal into the file, so that a copy
    /// of the file is complete, and a reader may not.
    pub(super) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Both engines know the collation `"C"`, the order of the bytes, by this name.
fn options(url: &StoreUrl) -> Result<SqliteConnectOptions, StoreError> {
    let options = SqliteConnectOptions::from_str(url.whole().expose_secret());
    let options = options.map_err(|source| StoreError::Open { url: url.clone(), source })?;
    Ok(options.busy_timeout(Duration::from_secs(5)).collation("C", str::cmp))
}

/// `None` for a database in memory.
fn file<'a>(url: &StoreUrl, options: &'a SqliteConnectOptions) -> Option<&'a Path> {
    let in_memory = url.whole().expose_secret().contains(":memory:");
    (!in_memory).then(|| options.get_filename())
}
