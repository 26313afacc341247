//! What can become of a question instead of an answer.

use std::{io, time::Duration};

use deltalake::{arrow::error::ArrowError, datafusion::error::DataFusionError};

use super::{LONGEST_QUERY, MOST_TOKENS};
use crate::{error::ErrorClass, lake::LakeError};

#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("{0}")]
    Invalid(String),
    #[error("the query is empty")]
    NoStatement,
    #[error("these are several statements")]
    SeveralStatements,
    #[error("this is no question but {0}, and nothing can be changed here")]
    ReadOnly(String),
    #[error("the query has {0} bytes; at most {LONGEST_QUERY} are read")]
    TooLong(usize),
    #[error("the query has {0} words and signs; at most {MOST_TOKENS} are read")]
    TooManyTokens(usize),
    #[error("there is no table {0}")]
    UnknownTable(String),
    #[error("system tables say what is now, not what was")]
    SystemOfThePast,
    #[error("{0} holds what is known now, not what was; name a version of it in table_versions")]
    BuiltSince(String),
    #[error("two columns are called {0}")]
    SameName(String),
    #[error("the answer has more than {0} rows")]
    TooManyRows(usize),
    #[error("the query needs more memory or disk than it may have: {0}")]
    TooLarge(String),
    #[error("the query took longer than {0:?}")]
    TooSlow(Duration),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error("the rows cannot be read")]
    Unreadable(#[source] DataFusionError),
    #[error("the answer cannot be written down")]
    Spool(#[source] io::Error),
    #[error("the query engine did not do as expected")]
    Engine(#[source] DataFusionError),
    #[error("the query engine panicked")]
    Panicked,
    #[error("the daemon stops")]
    Stopped,
}

impl SqlError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_)
            | Self::NoStatement
            | Self::SeveralStatements
            | Self::ReadOnly(_)
            | Self::TooLong(_)
            | Self::TooManyTokens(_)
            | Self::UnknownTable(_)
            | Self::SystemOfThePast
            | Self::BuiltSince(_)
            | Self::SameName(_)
            | Self::TooManyRows(_)
            | Self::TooLarge(_) => ErrorClass::Invalid,
            Self::TooSlow(_) => ErrorClass::Timeout,
            Self::Lake(error) => error.class(),
            Self::Unreadable(_) | Self::Stopped => ErrorClass::Unavailable,
            Self::Spool(_) | Self::Engine(_) | Self::Panicked => ErrorClass::Internal,
        }
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        let said = match error.find_root() {
            DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::IoError(_) => return Self::Unreadable(error),
            // What our own tables have refused comes back through the engine.
            DataFusionError::External(refused)
                if let Some(Self::BuiltSince(table)) = refused.downcast_ref() =>
            {
                return Self::BuiltSince(table.clone());
            }
            DataFusionError::Internal(_)
            | DataFusionError::External(_)
            | DataFusionError::ExecutionJoin(_)
            | DataFusionError::Ffi(_)
            | DataFusionError::Substrait(_) => return Self::Engine(error),
            DataFusionError::ResourcesExhausted(said) => return Self::TooLarge(said.clone()),
            DataFusionError::ArrowError(arrow, _) => match &**arrow {
                // What does not fit on disk either is told of as a failure to write.
                ArrowError::IoError(said, _) => return Self::TooLarge(said.clone()),
                arrow => arrow.to_string(),
            },
            DataFusionError::SQL(wrong, _) => wrong.to_string(),
            DataFusionError::SchemaError(wrong, _) => wrong.to_string(),
            DataFusionError::Plan(said)
            | DataFusionError::Execution(said)
            | DataFusionError::NotImplemented(said)
            | DataFusionError::Configuration(said) => said.clone(),
            other => other.strip_backtrace(),
        };
        Self::Invalid(said)
    }
}
