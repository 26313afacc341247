//! The control store: what must be remembered besides the lake. SQLite for now.

mod budgets;
mod coverage;
mod dead_letters;
mod feeds;
mod findings;

use std::{str::FromStr, time::Duration};

use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use coverage::{SeriesChange, SeriesRecord};
pub use dead_letters::{DeadLetterFilter, DeadLetterPosition, KeptLetter};
pub use findings::FindingFilter;

use crate::error::ErrorClass;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// One connection writes, several read; both see the same file.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "the control store {url} cannot be opened; if it is damaged, move it away: it is rebuilt \
         from the lake"
    )]
    Open { url: String, source: sqlx::Error },
    #[error("the folder of the control store cannot be created")]
    Folder(#[from] std::io::Error),
    #[error("the control store cannot be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the control store did not answer")]
    Unavailable(#[from] sqlx::Error),
    #[error("the control store holds {what}, which this version cannot read: {value:?}")]
    Unreadable { what: &'static str, value: String },
}

impl StoreError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Open { .. } | Self::Folder(_) | Self::Unavailable(_) => ErrorClass::Unavailable,
            Self::Migrate(_) | Self::Unreadable { .. } => ErrorClass::Internal,
        }
    }
}

impl Store {
    /// Opens `sqlite:FILE` (created with its folder if absent) or `sqlite::memory:`, and brings
    /// its schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let broken = |source| StoreError::Open { url: url.to_owned(), source };
        let options = SqliteConnectOptions::from_str(url)
            .map_err(broken)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let in_memory = url.contains(":memory:");
        if let Some(folder) = options.get_filename().parent().filter(|_| !in_memory) {
            std::fs::create_dir_all(folder)?;
        }
        let pool = |size| SqlitePoolOptions::new().max_connections(size).min_connections(1);
        let writer = pool(1).connect_with(options.clone()).await.map_err(broken)?;
        MIGRATIONS.run(&writer).await?;
        let reader = if in_memory {
            writer.clone()
        } else {
            pool(4).connect_with(options.read_only(true)).await.map_err(broken)?
        };
        Ok(Self { writer, reader })
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.reader).await?;
        Ok(())
    }

    /// Lets running statements finish and closes every connection.
    ///
    /// The writer goes last: the last connection moves the journal into the file, so that a copy
    /// of the file is complete, and a reader may not.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn instant(micros: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(micros).unwrap_or(chrono::DateTime::UNIX_EPOCH)
}
