//! JSON: an array of objects, or an object per line, as data frames and scripts write it.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::File,
    io::{BufReader, Bytes as SingleBytes, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    FileError, FileRequest, Piece,
    cell::{Number, Row},
    columns::Columns,
    header::Header,
    lines::{LONGEST_LINE, Lines},
    open, time,
};
use crate::market::{Candle, RawBatch, RawText};

/// Rows looked at to tell columns apart.
const SAMPLED: usize = 20;

pub(super) struct JsonPieces {
    request: FileRequest,
    rows: usize,
    /// Read to tell the columns apart, not yet given out.
    waiting: VecDeque<Element>,
    elements: Elements,
    names: Vec<String>,
    columns: Columns,
}

impl JsonPieces {
    pub(super) fn open(request: FileRequest, rows: usize) -> Result<Self, FileError> {
        let mut elements = Elements::open(&request.path)?;
        let probed = elements.by_ref().take(SAMPLED);
        let waiting = probed.collect::<Result<VecDeque<_>, _>>()?;
        if waiting.is_empty() {
            return Err(FileError::Empty { path: request.path });
        }
        let objects: Vec<_> = waiting.iter().filter_map(|one| one.object().ok()).collect();
        if objects.is_empty() {
            return Err(FileError::NoObjects { path: request.path });
        }
        let names: BTreeSet<&String> = objects.iter().flat_map(Map::keys).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let sample: Vec<_> =
            objects.into_iter().map(|object| JsonRow::of(&names, object)).collect();
        let header = Header { place: request.path.display().to_string(), names: names.clone() };
        let columns = Columns::find(&header, &request.map, &request.series.instrument, &sample)?;
        drop(sample);
        Ok(Self { request, rows, waiting, elements, names, columns })
    }

    fn candle(&self, element: &Element) -> Result<Candle, String> {
        let reading = element
            .object()
            .and_then(|object| self.columns.candle(&JsonRow::of(&self.names, object)));
        reading.map_err(|reason| format!("{}, {reason}", element.place))
    }
}

impl Iterator for JsonPieces {
    type Item = Result<RawBatch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Piece::default();
        let mut raw: Vec<Bytes> = Vec::new();
        while raw.len() < self.rows {
            let element = match self.waiting.pop_front().map(Ok).or_else(|| self.elements.next()) {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(element)) => element,
            };
            piece.push(raw.len(), self.candle(&element));
            raw.push(element.bytes.into());
        }
        if raw.is_empty() {
            return None;
        }
        let raw = RawText::new(move |row| raw.get(row).cloned().unwrap_or_default());
        Some(Ok(piece.into_batch(&self.request, raw)))
    }
}

/// A row as it is written.
struct Element {
    /// Like `row 3` of an array or `line 3` of lines.
    place: String,
    bytes: Vec<u8>,
}

impl Element {
    fn object(&self) -> Result<Map<String, Value>, String> {
        match serde_json::from_slice(&self.bytes) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err("not an object with a name for every value".to_owned()),
            Err(error) => Err(format!("not JSON: {error}")),
        }
    }
}

struct JsonRow<'a> {
    names: &'a [String],
    object: Map<String, Value>,
}

impl<'a> JsonRow<'a> {
    const fn of(names: &'a [String], object: Map<String, Value>) -> Self {
        Self { names, object }
    }

    /// What an object leaves out is null, as data frames have it.
    fn value(&self, column: usize) -> &Value {
        self.object.get(&self.names[column]).unwrap_or(&Value::Null)
    }
}

impl Row for JsonRow<'_> {
    fn time(&self, column: usize) -> Option<DateTime<Utc>> {
        match self.value(column) {
            Value::String(text) => time::of_text(text),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => time::of_integer(whole),
                None => time::of_float(number.as_f64()?),
            },
            _ => None,
        }
    }

    fn number(&self, column: usize) -> Number {
        match self.value(column) {
            Value::Null => Number::Absent,
            Value::String(text) => Number::of_text(text.trim()),
            Value::Number(number) => number.as_f64().map_or(Number::Unreadable, Number::of_float),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => Number::Unreadable,
        }
    }

    fn text(&self, column: usize) -> String {
        match self.value(column) {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// The rows of a file, one after the other, without the whole of it in memory.
enum Elements {
    OfArray(Array),
    OfLines(Lines),
}

impl Elements {
    fn open(path: &Path) -> Result<Self, FileError> {
        let mut array = Array::open(path)?;
        if array.begins()? {
            Ok(Self::OfArray(array))
        } else {
            Lines::open(path).map(Self::OfLines)
        }
    }
}

impl Iterator for Elements {
    type Item = Result<Element, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::OfArray(array) => array.element().transpose(),
            Self::OfLines(lines) => {
                Some(lines.next()?.map(|line| Element {
                    place: format!("line {}", line.number),
                    bytes: line.bytes,
                }))
            }
        }
    }
}

/// An array, cut where its elements end; what is in them is looked at later, so that a broken one
/// spoils itself and not the rest.
struct Array {
    bytes: SingleBytes<BufReader<File>>,
    path: PathBuf,
    row: usize,
    has_ended: bool,
}

impl Array {
    fn open(path: &Path) -> Result<Self, FileError> {
        let bytes = BufReader::new(open(path)?).bytes();
        Ok(Self { bytes, path: path.to_owned(), row: 0, has_ended: false })
    }

    /// Whether it is one at all.
    fn begins(&mut self) -> Result<bool, FileError> {
        let mut first = self.visible()?;
        // The mark of UTF-8.
        while matches!(first, Some(0xEF | 0xBB | 0xBF)) {
            first = self.visible()?;
        }
        Ok(first == Some(b'['))
    }

    fn element(&mut self) -> Result<Option<Element>, FileError> {
        if self.has_ended {
            return Ok(None);
        }
        self.row += 1;
        let (mut bytes, mut depth, mut in_text, mut is_escaped) =
            (Vec::new(), 0_usize, false, false);
        loop {
            let Some(byte) = self.byte()? else {
                return Err(self.broken("the file ends before the array does"));
            };
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_text => is_escaped = true,
                b'"' => in_text = !in_text,
                _ if in_text => {}
                b'{' | b'[' => depth += 1,
                b',' if depth == 0 => break,
                b']' if depth == 0 => {
                    self.end()?;
                    break;
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            bytes.push(byte);
            if bytes.len() as u64 >= LONGEST_LINE {
                return Err(self.broken(&format!("it is longer than {LONGEST_LINE} bytes")));
            }
        }
        let bytes = bytes.trim_ascii().to_vec();
        if bytes.is_empty() && self.has_ended && self.row == 1 {
            return Ok(None);
        }
        Ok(Some(Element { place: format!("row {}", self.row), bytes }))
    }

    /// Nothing may follow: a second array would be passed over in silence.
    fn end(&mut self) -> Result<(), FileError> {
        self.has_ended = true;
        match self.visible()? {
            None => Ok(()),
            Some(_) => Err(self.broken("there is more after the end of the array")),
        }
    }

    /// The next byte that is not white space.
    fn visible(&mut self) -> Result<Option<u8>, FileError> {
        loop {
            match self.byte()? {
                Some(byte) if byte.is_ascii_whitespace() => {}
                byte => return Ok(byte),
            }
        }
    }

    fn byte(&mut self) -> Result<Option<u8>, FileError> {
        let byte = self.bytes.next().transpose();
        byte.map_err(|cause| FileError::Io { path: self.path.clone(), cause })
    }

    fn broken(&self, reason: &str) -> FileError {
        let (path, row, reason) = (self.path.clone(), self.row, reason.to_owned());
        FileError::BrokenJson { path, row, reason }
    }
}
