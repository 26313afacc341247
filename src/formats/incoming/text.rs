//! JSON, an object per line, and CSV: rows of text.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use bytes::Bytes;
use csv::{ByteRecord, ReaderBuilder};
use deltalake::arrow::{array::ArrayRef, datatypes::Schema};
use serde_json::{Map, Value, value::RawValue};

use super::{
    super::Format,
    Kind, ReadError,
    cell::{Cell, Values, inferred},
    sheet::{Faults, Sheet},
};

/// An array of objects.
pub(super) fn json<'a>(body: &'a Bytes, wanted: &Schema) -> Result<Sheet<'a>, ReadError> {
    let form = Format::Json;
    let rows: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| ReadError::Broken { form, detail: error.to_string() })?;
    let rows: Vec<&[u8]> = rows.into_iter().map(|row| row.get().as_bytes()).collect();
    objects(body, &rows, wanted)
}

/// An object per line; empty lines are none.
pub(super) fn ndjson<'a>(body: &'a Bytes, wanted: &Schema) -> Result<Sheet<'a>, ReadError> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let rows: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    objects(body, &rows, wanted)
}

fn objects<'a>(
    body: &'a Bytes,
    rows: &[&'a [u8]],
    wanted: &Schema,
) -> Result<Sheet<'a>, ReadError> {
    let mut table = Table::of(wanted)?;
    for row in rows {
        match serde_json::from_slice::<Map<String, Value>>(row) {
            Ok(object) => {
                for (name, value) in object {
                    table.put(&name, Cell::of_json(value));
                }
            }
            Err(error) => table.spoil(format!("is no JSON object: {error}")),
        }
        table.end_row();
    }
    let places = rows.iter().map(|row| body.slice_ref(row)).collect();
    Ok(table.into_sheet(places))
}

/// A line of names, then a line per row; what is empty is null.
pub(super) fn csv<'a>(body: &'a Bytes, wanted: &Schema) -> Result<Sheet<'a>, ReadError> {
    let broken = |detail: String| ReadError::Broken { form: Format::Csv, detail };
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(body.as_ref());
    let header = reader.headers().map_err(|error| broken(error.to_string()))?.clone();
    let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(ReadError::Twice { column: (*name).to_owned() });
        }
    }
    let (mut table, mut starts, mut record) = (Table::of(wanted)?, Vec::new(), ByteRecord::new());
    while reader.read_byte_record(&mut record).map_err(|error| broken(error.to_string()))? {
        let start = record.position().map_or(0, csv::Position::byte);
        starts.push(usize::try_from(start).unwrap_or(body.len()));
        if record.len() == names.len() {
            for (name, cell) in names.iter().zip(&record) {
                match std::str::from_utf8(cell) {
                    Ok("") => {}
                    Ok(text) => table.put(name, Cell::Loose(Cow::Borrowed(text))),
                    Err(_) => table.spoil("is no text in UTF-8".to_owned()),
                }
            }
        } else {
            table.spoil(format!("has {} values, and the header {}", record.len(), names.len()));
        }
        table.end_row();
    }
    starts.push(body.len());
    let row = |ends: &[usize]| body.slice_ref(body[ends[0]..ends[1]].trim_ascii());
    Ok(table.into_sheet(starts.windows(2).map(row).collect()))
}

/// Columns that rows are put into, value by value.
struct Table {
    rows: usize,
    wanted: Vec<(String, Values)>,
    /// Where each of them is.
    places: HashMap<String, usize>,
    /// Which of them the row has.
    has: Vec<bool>,
    /// What columns are not wanted, with the rows that have them.
    further: BTreeMap<String, Vec<(usize, Cell<'static>)>>,
    faults: Faults,
}

impl Table {
    fn of(wanted: &Schema) -> Result<Self, ReadError> {
        let mut columns = Vec::new();
        for field in wanted.fields() {
            let kind = Kind::of(field.data_type()).ok_or_else(|| ReadError::OfOtherType {
                column: field.name().clone(),
                given: "text".to_owned(),
                wanted: field.data_type().to_string(),
            })?;
            columns.push((field.name().clone(), Values::new(kind)));
        }
        let places = columns.iter().enumerate().map(|(at, column)| (column.0.clone(), at));
        Ok(Self {
            rows: 0,
            places: places.collect(),
            has: vec![false; columns.len()],
            wanted: columns,
            further: BTreeMap::new(),
            faults: Faults::default(),
        })
    }

    fn put(&mut self, name: &str, cell: Cell) {
        let Some(&at) = self.places.get(name) else {
            if cell != Cell::Null {
                let column = self.further.entry(name.to_owned()).or_default();
                column.push((self.rows, cell.into_owned()));
            }
            return;
        };
        self.has[at] = true;
        let (name, values) = &mut self.wanted[at];
        if !values.push(&cell) {
            let wanted = values.kind().wanted();
            self.faults.of_value(self.rows, name, || format!("{cell} is not {wanted}"));
        }
    }

    fn spoil(&mut self, detail: String) {
        self.faults.of_row(self.rows, detail);
    }

    fn end_row(&mut self) {
        for (has, (_, values)) in self.has.iter_mut().zip(&mut self.wanted) {
            if !std::mem::take(has) {
                values.push(&Cell::Null);
            }
        }
        self.rows += 1;
    }

    fn into_sheet<'a>(mut self, raw: Vec<Bytes>) -> Sheet<'a> {
        let further = std::mem::take(&mut self.further).into_iter();
        let further =
            further.filter_map(|(name, cells)| Some((name.clone(), self.made(&name, &cells)?)));
        let further = further.collect();
        Sheet {
            length: self.rows,
            further,
            wanted: self.wanted.into_iter().map(|(_, values)| values.finish()).collect(),
            faults: self.faults,
            raw: Box::new(move |row| raw[row].clone()),
        }
    }

    /// The values of a column that nobody has described.
    fn made(&mut self, name: &str, cells: &[(usize, Cell<'static>)]) -> Option<ArrayRef> {
        let kind = inferred(cells);
        let mut values = kind.map(Values::new);
        let mut next = 0;
        for (row, cell) in cells {
            if let Some(values) = &mut values {
                (next..*row).for_each(|_| _ = values.push(&Cell::Null));
            }
            next = row + 1;
            let fits = values.as_mut().is_some_and(|values| values.push(cell));
            if !fits {
                let wanted = kind.map_or("a value of a column", Kind::wanted);
                self.faults.of_value(*row, name, || format!("{cell} is not {wanted}"));
            }
        }
        let mut values = values?;
        (next..self.rows).for_each(|_| _ = values.push(&Cell::Null));
        Some(values.finish())
    }
}
