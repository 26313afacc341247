//! Why something did not land.

use chrono::{DateTime, Utc};

use crate::{
    error::ErrorClass,
    files::FileError,
    lake::LakeError,
    market::{Feed, ProviderId, Series},
    providers::ProviderError,
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
    /// Another replica asks this provider now, or soon.
    #[error("{provider} is served by another replica")]
    NotServed { provider: ProviderId },
    #[error("{series} is not among the series that are kept")]
    UnknownSeries { series: Series },
    #[error("{feed} is not among the feeds that are collected")]
    UnknownFeed { feed: Feed },
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
            Self::NotServed { .. } => ErrorClass::Conflict,
            Self::UnknownSeries { .. } | Self::UnknownFeed { .. } => ErrorClass::NotFound,
            Self::Stopping => ErrorClass::Unavailable,
        }
    }

    /// Whether it is another replica's to do.
    pub fn is_not_served(&self) -> bool {
        match self {
            Self::NotServed { .. } => true,
            Self::Store(error) => error.is_fenced(),
            _ => false,
        }
    }

    /// The metric label: what exactly a provider did, or the kind of failure.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Provider(error) => error.outcome(),
            other => other.class().label(),
        }
    }

    /// Before this there is no point in trying again.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Provider(error) => error.until(),
            _ => None,
        }
    }
}
