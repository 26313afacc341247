//! What can keep a model from being built.

use deltalake::{arrow::error::ArrowError, datafusion::error::DataFusionError};

use super::HeaderError;
use crate::{error::ErrorClass, lake::LakeError, store::StoreError};

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the folder of models, {path}, cannot be read")]
    Folder { path: String, source: std::io::Error },
    #[error("two models build {0}; give one another name")]
    Twice(String),
    #[error("models read one another in a circle: {}", .0.join(" reads "))]
    Cycle(Vec<String>),
    #[error("there is no model {0}")]
    Unknown(String),
    #[error("{model} reads {input}, which is neither a table nor built by a model")]
    NoInput { model: String, input: String },
    #[error("{model} gives no column {column}, which its header names")]
    NoColumn { model: String, column: String },
    #[error("{model}: {}", because.strip_backtrace())]
    Query { model: String, because: Box<DataFusionError> },
    #[error("{model}: {} of the rows built fail the test {test}: {example}", .count)]
    Test { model: String, test: String, count: u64, example: String },
    #[error("{model}: rows do not fit together")]
    Arrow { model: String, source: ArrowError },
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("models are being built already")]
    UnderWay,
    #[error("the daemon stops")]
    Stopped,
}

impl ModelError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Header(_)
            | Self::Folder { .. }
            | Self::Twice(_)
            | Self::Cycle(_)
            | Self::NoInput { .. }
            | Self::NoColumn { .. }
            | Self::Query { .. }
            | Self::Test { .. } => ErrorClass::Invalid,
            Self::Unknown(_) => ErrorClass::NotFound,
            Self::Arrow { .. } => ErrorClass::Internal,
            Self::Lake(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::UnderWay => ErrorClass::Conflict,
            Self::Stopped => ErrorClass::Unavailable,
        }
    }
}
