//! What can go wrong between rows and the Delta log.

use deltalake::DeltaTableError;

use crate::error::ErrorClass;

#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    #[error("the lake folder {path} cannot be used")]
    Folder { path: String, source: std::io::Error },
    #[error("the lake at {url} cannot be used")]
    Storage { url: String, source: Box<deltalake::logstore::object_store::Error> },
    #[error(
        "the store of {url} is not fit for a lake: {created} of several who created the same object \
         at once were told that they had; use one whose conditional PUT (If-None-Match) is atomic"
    )]
    NotAtomic { url: String, created: usize },
    #[error(
        "the lake is used with another control store (so says {claim}); give this process the same \
         store.url, or remove that object if the other store is lost"
    )]
    Claimed { claim: String },
    #[error("{table}: the Delta table did not do as asked")]
    Delta { table: String, source: Box<DeltaTableError> },
    #[error("{table}: rows and schema do not fit")]
    Arrow { table: String, source: deltalake::arrow::error::ArrowError },
    #[error("{table}: a query failed")]
    Query { table: String, source: Box<deltalake::datafusion::error::DataFusionError> },
    #[error("{table}: another writer has committed since version {known}; this one must catch up")]
    MovedOn { table: String, known: u64 },
    #[error("{table}: the log no longer reaches back to version {version}")]
    LogExpired { table: String, version: u64 },
    #[error("{table}: there is no version {version} yet; the newest is {newest}")]
    NoVersion { table: String, version: u64, newest: u64 },
    #[error("{table}: version {version} can no longer be read")]
    VersionGone { table: String, version: u64 },
    #[error("{table}: version {version} of the log cannot be read: {detail}")]
    LogUnreadable { table: String, version: u64, detail: String },
    #[error("{table}: {detail}")]
    Definition { table: String, detail: String },
    #[error("{table} is there already and {detail}")]
    Differs { table: String, detail: String },
    #[error("{table}: the request {request} has been made before, with other rows")]
    OtherRequest { table: String, request: String },
    #[error("{table}: files are being merged or removed already")]
    UnderWay { table: String },
    #[error("a task of the lake was stopped")]
    Stopped,
}

impl LakeError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::MovedOn { .. }
            | Self::UnderWay { .. }
            | Self::Differs { .. }
            | Self::OtherRequest { .. } => ErrorClass::Conflict,
            Self::VersionGone { .. } => ErrorClass::NotFound,
            Self::NoVersion { .. }
            | Self::NotAtomic { .. }
            | Self::Claimed { .. }
            | Self::Definition { .. } => ErrorClass::Invalid,
            Self::Storage { .. }
            | Self::Folder { .. }
            | Self::Delta { .. }
            | Self::Query { .. }
            | Self::Stopped => ErrorClass::Unavailable,
            Self::Arrow { .. } | Self::LogExpired { .. } | Self::LogUnreadable { .. } => {
                ErrorClass::Internal
            }
        }
    }
}
