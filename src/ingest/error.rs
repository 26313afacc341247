//! Why candles did not land.

use crate::{
    error::ErrorClass, files::FileError, lake::LakeError, market::Series, providers::ProviderError,
    store::StoreError,
};

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    /// The error of a commit that several landings shared.
    #[error("the commit failed: {message}")]
    Commit { class: ErrorClass, message: String },
    #[error("{series} is not among the series that are kept")]
    UnknownSeries { series: Series },
    #[error("Barkeep is stopping")]
    Stopping,
}

impl IngestError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Provider(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::File(error) => error.class(),
            Self::Commit { class, .. } => *class,
            Self::UnknownSeries { .. } => ErrorClass::NotFound,
            Self::Stopping => ErrorClass::Unavailable,
        }
    }
}
