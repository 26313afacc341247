//! Lines of a text file with their numbers, and the cells of a line.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{FileError, open};

/// Far beyond any candle; keeps a file without line breaks out of memory.
pub(super) const LONGEST_LINE: u64 = 64 * 1024;

/// A line that is not blank, without its line break.
pub(super) struct Line {
    /// As an editor counts, from 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

impl Line {
    /// Every line is split by itself, so that a stray quote spoils one row and not the rest.
    pub(super) fn split(&self, delimiter: char) -> StringRecord {
        let text = String::from_utf8_lossy(&self.bytes);
        if !text.contains('"') {
            return text.split(delimiter).map(str::trim).collect();
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(u8::try_from(delimiter).unwrap_or(b','))
            .trim(Trim::All)
            .buffer_capacity(text.len())
            .from_reader(text.as_bytes());
        reader.records().next().and_then(Result::ok).unwrap_or_default()
    }
}

/// The lines of a file, blank ones left out.
pub(super) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self { reader: BufReader::new(open(path)?), path: path.to_owned(), number: 0 })
    }
}

impl Iterator for Lines {
    type Item = Result<Line, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut bytes = Vec::new();
            self.number += 1;
            let read = self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            match read {
                Ok(0) => return None,
                Ok(_) => {}
                Err(cause) => {
                    return Some(Err(FileError::Io { path: self.path.clone(), cause }));
                }
            }
            if bytes.len() as u64 == LONGEST_LINE && !bytes.ends_with(b"\n") {
                let (path, line) = (self.path.clone(), self.number);
                return Some(Err(FileError::LongLine { path, line, limit: LONGEST_LINE }));
            }
            while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                bytes.pop();
            }
            if self.number == 1 && bytes.starts_with("\u{feff}".as_bytes()) {
                bytes.drain(..3);
            }
            if !bytes.trim_ascii().is_empty() {
                return Some(Ok(Line { number: self.number, bytes }));
            }
        }
    }
}
