//! Files of candles, CSV, JSON or Parquet, read in pieces as if each piece were an answer of a source.

mod cell;
mod columns;
mod csv;
mod error;
mod header;
mod json;
mod lines;
mod parquet;
mod shelf;
#[cfg(test)]
mod tests;
mod time;

use std::{
    ffi::OsStr,
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

pub use columns::ColumnMap;
pub use error::FileError;
pub use shelf::Shelf;

use crate::market::{Candle, Candles, Provenance, RawBatch, RawText, Series, Window};

/// What is to be read, and as what.
#[derive(Debug, Clone)]
pub struct FileRequest {
    pub path: PathBuf,
    /// The file says neither provider nor timeframe; whoever brings it does.
    pub series: Series,
    /// Columns named by the operator; the others are detected.
    pub map: ColumnMap,
    /// When the file was handed over: the knowledge time of every row in it.
    pub received_at: DateTime<Utc>,
}

/// Opens a file and reads it in pieces of at most `rows` rows, in file order.
///
/// Fails at once where the file is missing, of no known format or without the needed columns. Rows
/// that cannot be read are part of their piece, never an error.
pub fn read(request: &FileRequest, rows: usize) -> Result<Pieces, FileError> {
    let rows = rows.max(1);
    let pieces: BoxedPieces = match Format::of(&request.path)? {
        Format::Csv => Box::new(csv::CsvPieces::open(request.clone(), rows)?),
        Format::Json => Box::new(json::JsonPieces::open(request.clone(), rows)?),
        Format::Parquet => Box::new(parquet::ParquetPieces::open(request.clone(), rows)?),
    };
    Ok(Pieces(Some(pieces)))
}

type BoxedPieces = Box<dyn Iterator<Item = Result<RawBatch, FileError>> + Send>;

/// The pieces of a file, in file order. Blocks on the disk; ends after the first error.
pub struct Pieces(Option<BoxedPieces>);

impl Iterator for Pieces {
    type Item = Result<RawBatch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.0.as_mut()?.next();
        if !matches!(piece, Some(Ok(_))) {
            self.0 = None;
        }
        piece
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces")
    }
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Csv,
    Json,
    Parquet,
}

impl Format {
    /// By content first, since Parquet says what it is; text does not, so the name decides there.
    fn of(path: &Path) -> Result<Self, FileError> {
        let file = open(path)?;
        if path.is_dir() {
            return Err(FileError::UnknownFormat { path: path.to_owned() });
        }
        let mut magic = Vec::with_capacity(4);
        file.take(4)
            .read_to_end(&mut magic)
            .map_err(|cause| FileError::Io { path: path.to_owned(), cause })?;
        if magic == b"PAR1" {
            return Ok(Self::Parquet);
        }
        // UTF-16 has a zero byte or FF FE here, gzip and zip their own marks.
        let is_binary = magic.contains(&0)
            || [&[0xFF, 0xFE][..], &[0xFE, 0xFF], &[0x1F, 0x8B], b"PK\x03\x04"]
                .iter()
                .any(|mark| magic.starts_with(mark));
        let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("csv" | "txt" | "json" | "jsonl" | "ndjson") if is_binary => {
                Err(FileError::NotText { path: path.to_owned() })
            }
            Some("csv" | "txt") => Ok(Self::Csv),
            Some("json" | "jsonl" | "ndjson") => Ok(Self::Json),
            Some("parquet") => Err(FileError::NotParquet { path: path.to_owned() }),
            _ => Err(FileError::UnknownFormat { path: path.to_owned() }),
        }
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|cause| FileError::of_io(path, cause))
}

/// Rows of one piece, sorted into readable and not.
#[derive(Debug, Default)]
struct Piece {
    candles: Candles,
    rows: Vec<usize>,
    unreadable: Vec<(usize, String)>,
}

impl Piece {
    fn push(&mut self, row: usize, reading: Result<Candle, String>) {
        match reading {
            Ok(candle) => {
                self.candles.push(candle);
                self.rows.push(row);
            }
            Err(reason) => self.unreadable.push((row, reason)),
        }
    }

    fn into_batch(self, request: &FileRequest, raw: RawText) -> RawBatch {
        let name = request.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        RawBatch {
            series: request.series.clone(),
            window: self.window(request),
            provenance: Provenance {
                extracted_at: request.received_at,
                made_at: request.received_at,
                source: name,
                is_mock: false,
                is_derived: false,
            },
            candles: self.candles,
            raw,
            rows: self.rows,
            unfinished: 0,
            unreadable: self.unreadable,
        }
    }

    /// From the earliest candle to the end of the latest; files may be in any order.
    fn window(&self, request: &FileRequest) -> Window {
        let timeframe = request.series.timeframe;
        let instant = |micros: &i64| DateTime::from_timestamp_micros(*micros);
        let first = self.candles.open_time.iter().min().and_then(instant);
        let last = self.candles.open_time.iter().max().and_then(instant);
        let (Some(first), Some(last)) = (first, last) else {
            let nowhere = timeframe.floor(request.received_at);
            return Window::new(nowhere, nowhere);
        };
        Window::new(timeframe.floor(first), timeframe.floor(last) + timeframe.duration())
    }
}
