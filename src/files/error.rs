//! What can be wrong with a file as a whole, and what its owner can do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use deltalake::parquet::errors::ParquetError;

use crate::error::ErrorClass;

/// Why a file could not be read. Single bad rows are not errors but part of their piece.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: no such file; check the path")]
    Missing { path: PathBuf },
    #[error("{path}: cannot be read ({cause}); check that it is a file this user may read")]
    Io { path: PathBuf, cause: io::Error },
    #[error(
        "{path}: not a known kind of file; bring .csv or .txt (text), .json or .jsonl, or .parquet"
    )]
    UnknownFormat { path: PathBuf },
    #[error("{path}: not plain text; unpack it, or save it as CSV or JSON in UTF-8")]
    NotText { path: PathBuf },
    #[error("{path}: named .parquet but does not begin like one; export it again, or name it .csv")]
    NotParquet { path: PathBuf },
    #[error("{path}: broken Parquet file ({cause}); export it again")]
    BrokenParquet { path: PathBuf, cause: ParquetError },
    #[error("{path}: broken JSON at row {row} ({reason}); export it again")]
    BrokenJson { path: PathBuf, row: usize, reason: String },
    #[error(
        "{path}: no candles; JSON is to be an array of objects, or an object per line, like \
         {{\"time\": 1704067200, \"open\": 1, \"high\": 3, \"low\": 0.5, \"close\": 2}}"
    )]
    NoObjects { path: PathBuf },
    #[error("{path}: the file is empty; bring one with rows, in CSV below a header line")]
    Empty { path: PathBuf },
    #[error(
        "{path} line {line}: data without a header line; put one above it, like \
         time,open,high,low,close,volume"
    )]
    NoHeader { path: PathBuf, line: u64 },
    #[error("{path} line {line}: longer than {limit} bytes; end every row with a line break")]
    LongLine { path: PathBuf, line: u64, limit: u64 },
    #[error(
        "{place}: no column found for {missing}; the columns are {present}; \
         name the right ones with --map, like --map {example}=<column>"
    )]
    NoColumn { place: String, missing: String, present: String, example: &'static str },
    #[error(
        "{place}: --map {field}={given} names no column of the file; the columns are {present}"
    )]
    NoMappedColumn { place: String, field: &'static str, given: String, present: String },
    #[error(
        "{place}: the time of day is in column {time}, apart from {date}; join both into one \
         column, like 2024-01-31 09:00, and name it with --map time=<column>"
    )]
    SplitTime { place: String, date: String, time: String },
}

impl FileError {
    /// How a caller should treat the failure.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Missing { .. } => ErrorClass::NotFound,
            Self::Io { .. } => ErrorClass::Internal,
            Self::UnknownFormat { .. }
            | Self::NotText { .. }
            | Self::NotParquet { .. }
            | Self::BrokenParquet { .. }
            | Self::BrokenJson { .. }
            | Self::NoObjects { .. }
            | Self::Empty { .. }
            | Self::NoHeader { .. }
            | Self::LongLine { .. }
            | Self::NoColumn { .. }
            | Self::NoMappedColumn { .. }
            | Self::SplitTime { .. } => ErrorClass::Invalid,
        }
    }

    pub(super) fn of_io(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        if cause.kind() == io::ErrorKind::NotFound {
            return Self::Missing { path };
        }
        Self::Io { path, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_not_found_and_a_failing_disk_is_our_fault() {
        let of = |kind: io::ErrorKind| FileError::of_io(Path::new("a.csv"), kind.into());
        assert_eq!(of(io::ErrorKind::NotFound).class(), ErrorClass::NotFound);
        assert_eq!(of(io::ErrorKind::PermissionDenied).class(), ErrorClass::Internal);
        let text = of(io::ErrorKind::PermissionDenied).to_string();
        assert!(text.contains("a.csv") && text.contains("may read"), "{text}");
    }
}
