//! Why the store does not do what it should. The password in its URL is in none of these.

use super::fences::LEASE;
use crate::{config::StoreUrl, error::ErrorClass};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "the control store {url} cannot be opened; if it is damaged, move it away: it is rebuilt \
         from the lake"
    )]
    Open { url: StoreUrl, source: sqlx::Error },
    #[error("the control store {url} cannot be reached; check store.url and the server")]
    Reach { url: StoreUrl, source: sqlx::Error },
    #[error("the folder of the control store cannot be created")]
    Folder(#[from] std::io::Error),
    #[error("the control store cannot be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error(
        "the control store has migration {found}, of a newer Barkeep; this one knows {known}: run \
         the newer one"
    )]
    Newer { found: i64, known: i64 },
    #[error("the control store did not answer")]
    Unavailable(#[from] sqlx::Error),
    /// Nothing was written: what it was to be written upon is no longer so.
    #[error("{what} has changed meanwhile; read it again and decide anew")]
    MovedOn { what: &'static str },
    #[error("the control store holds {what}, which this version cannot read: {value:?}")]
    Unreadable { what: &'static str, value: String },
}

impl StoreError {
    /// Whether it was written in vain because the duty it belongs to is somebody else's.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::MovedOn { what } if *what == LEASE)
    }

    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Open { .. } | Self::Reach { .. } | Self::Folder(_) | Self::Unavailable(_) => {
                ErrorClass::Unavailable
            }
            Self::MovedOn { .. } => ErrorClass::Conflict,
            Self::Migrate(_) | Self::Newer { .. } | Self::Unreadable { .. } => ErrorClass::Internal,
        }
    }
}
