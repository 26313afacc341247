//! CSV: one row per line, with comma, semicolon or tab, below a header line.

use std::{cmp::Reverse, collections::VecDeque};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use csv::StringRecord;

use super::{
    FileError, FileRequest, Piece,
    cell::{Number, Row},
    columns::{self, Columns},
    header::Header,
    lines::{Line, Lines},
    time,
};
use crate::market::{Candle, RawBatch, RawText};

const DELIMITERS: [char; 3] = [',', ';', '\t'];
/// Lines among which the header is looked for; those after it are the sample of the data.
const PROBED: usize = 20;
pub(super) struct CsvPieces {
    request: FileRequest,
    rows: usize,
    /// Read while looking for the header, not yet given out.
    waiting: VecDeque<Line>,
    lines: Lines,
    layout: Layout,
    columns: Columns,
}

impl CsvPieces {
    pub(super) fn open(request: FileRequest, rows: usize) -> Result<Self, FileError> {
        let mut lines = Lines::open(&request.path)?;
        let mut probed = lines.by_ref().take(PROBED).collect::<Result<Vec<_>, _>>()?;
        let (at, header, delimiter) = find_header(&request, &probed)?;
        let waiting: VecDeque<Line> = probed.drain(at + 1..).collect();
        let layout = Layout { delimiter, width: header.names.len() };
        let sample: Vec<_> = waiting.iter().filter_map(|line| layout.cells(line).ok()).collect();
        let instrument = &request.series.instrument;
        let columns = Columns::find(&header, &request.map, instrument, &sample)?;
        Ok(Self { request, rows, waiting, lines, layout, columns })
    }

    fn candle(&self, line: &Line) -> Result<Candle, String> {
        let reading = self.layout.cells(line).and_then(|cells| self.columns.candle(&cells));
        reading.map_err(|reason| format!("line {}, {reason}", line.number))
    }
}

impl Iterator for CsvPieces {
    type Item = Result<RawBatch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Piece::default();
        let mut raw: Vec<Bytes> = Vec::new();
        while raw.len() < self.rows {
            let line = match self.waiting.pop_front().map(Ok).or_else(|| self.lines.next()) {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(line)) => line,
            };
            piece.push(raw.len(), self.candle(&line));
            raw.push(line.bytes.into());
        }
        if raw.is_empty() {
            return None;
        }
        let raw = RawText::new(move |row| raw.get(row).cloned().unwrap_or_default());
        Some(Ok(piece.into_batch(&self.request, raw)))
    }
}

#[derive(Debug, Clone, Copy)]
struct Layout {
    delimiter: char,
    width: usize,
}

impl Layout {
    /// A row of another width is not read: its cells may belong under other columns.
    fn cells(self, line: &Line) -> Result<StringRecord, String> {
        let mut cells = line.split(self.delimiter);
        while cells.len() > self.width && cells.get(cells.len() - 1) == Some("") {
            cells.truncate(cells.len() - 1);
        }
        if cells.len() == self.width {
            return Ok(cells);
        }
        Err(format!("{} cells where the header has {}", cells.len(), self.width))
    }
}

impl Row for StringRecord {
    fn time(&self, column: usize) -> Option<DateTime<Utc>> {
        time::of_text(&self[column])
    }

    fn number(&self, column: usize) -> Number {
        Number::of_text(&self[column])
    }

    fn text(&self, column: usize) -> String {
        self[column].to_owned()
    }
}

/// The first line that names columns, or the one straight above the first data.
fn find_header(request: &FileRequest, lines: &[Line]) -> Result<(usize, Header, char), FileError> {
    let path = &request.path;
    let first = lines.first().ok_or_else(|| FileError::Empty { path: path.clone() })?;
    for (at, line) in lines.iter().enumerate() {
        let (header, delimiter) = header_of(request, line);
        if columns::recognised(&header, &request.map, &request.series.instrument) >= 2 {
            return Ok((at, header, delimiter));
        }
        if header.names.iter().filter(|name| name.parse::<f64>().is_ok()).count() < 4 {
            continue;
        }
        // This is data. Names of as many columns above it are a header of words not known here;
        // the error about missing columns will list them.
        let above = at.checked_sub(1).map(|at| (at, header_as(request, &lines[at], delimiter)));
        return match above {
            Some((at, above)) if above.names.len() == header.names.len() => {
                Ok((at, above, delimiter))
            }
            _ => Err(FileError::NoHeader { path: path.clone(), line: line.number }),
        };
    }
    let (header, delimiter) = header_of(request, first);
    Ok((0, header, delimiter))
}

/// The line split by the delimiter that makes most sense of it.
fn header_of(request: &FileRequest, line: &Line) -> (Header, char) {
    let mut choices = DELIMITERS.map(|delimiter| (header_as(request, line, delimiter), delimiter));
    choices.sort_by_cached_key(|(header, _)| {
        let known = columns::recognised(header, &request.map, &request.series.instrument);
        Reverse((known, header.names.len()))
    });
    let [best, ..] = choices;
    best
}

fn header_as(request: &FileRequest, line: &Line, delimiter: char) -> Header {
    let mut names: Vec<String> = line.split(delimiter).iter().map(str::to_owned).collect();
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    Header { place: format!("{} line {}", request.path.display(), line.number), names }
}
