//! Which column of a file means what: named with `--map`, or detected by name and content.

use std::str::FromStr;

use chrono::NaiveTime;

use super::{
    FileError,
    cell::{Number, Row},
    header::Header,
    time,
};
use crate::market::{Candle, InstrumentId, ParseError};

const FIELDS: [&str; 6] = ["time", "open", "high", "low", "close", "volume"];
const TIME: usize = 0;
const VOLUME: usize = 5;

const TIME_NAMES: [&str; 9] =
    ["time", "timestamp", "open_time", "date", "datetime", "unix", "start", "ts", "t"];
/// How data frames write an index without a name; time only where it reads as such.
const INDEX_NAMES: [&str; 4] = ["", "index", "__index_level_0__", "unnamed:_0"];

const FORM: &str = "write key=column with the keys time, open, high, low, close and volume, \
                    like time=date,volume=volume_btc";

/// Columns named by the operator, written `time=date,volume=volume_btc`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnMap([Option<String>; 6]);

impl FromStr for ColumnMap {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let error = |part: &str, fix| ParseError { what: "column map", given: part.into(), fix };
        let mut map = Self::default();
        for part in given.split(',').filter(|part| !part.trim().is_empty()) {
            let (key, column) = part.split_once('=').unwrap_or((part, ""));
            let Some(field) = FIELDS.iter().position(|field| *field == key.trim()) else {
                return Err(error(part, FORM));
            };
            if column.trim().is_empty() {
                return Err(error(part, FORM));
            }
            if map.0[field].replace(column.trim().to_owned()).is_some() {
                return Err(error(part, "the key is given twice; keep one of them"));
            }
        }
        Ok(map)
    }
}

/// Where the fields of a candle are in a row.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    names: Vec<String>,
    time: usize,
    prices: [usize; 4],
    volume: Option<usize>,
}

impl Columns {
    /// `sample` settles which of several candidates it is.
    pub(super) fn find(
        header: &Header,
        map: &ColumnMap,
        instrument: &InstrumentId,
        sample: &[impl Row],
    ) -> Result<Self, FileError> {
        let mut found = [None; 6];
        for (field, place) in found.iter_mut().enumerate() {
            *place = match &map.0[field] {
                Some(given) => Some(mapped(header, field, given)?),
                None => detected(header, field, instrument, sample),
            };
        }
        let [Some(time), Some(open), Some(high), Some(low), Some(close), volume] = found else {
            return Err(no_column(header, &found));
        };
        if map.0[TIME].is_none() {
            refuse_split_time(header, time, sample)?;
        }
        let names = header.names.clone();
        Ok(Self { names, time, prices: [open, high, low, close], volume })
    }

    /// The candle a row holds, or why it holds none.
    pub(super) fn candle(&self, row: &impl Row) -> Result<Candle, String> {
        let open_time = row.time(self.time).ok_or_else(|| {
            format!("{} is not a time; {}", self.cell(row, self.time), time::ACCEPTED)
        })?;
        let price = |column: usize| match row.number(column) {
            Number::Value(price) => Ok(price),
            Number::Absent | Number::Unreadable => {
                Err(format!("{} is not a number", self.cell(row, column)))
            }
        };
        let [open, high, low, close] = self.prices;
        let (open, high, low, close) = (price(open)?, price(high)?, price(low)?, price(close)?);
        let volume = match self.volume.map(|column| (column, row.number(column))) {
            None | Some((_, Number::Absent)) => None,
            Some((_, Number::Value(volume))) => Some(volume),
            Some((column, Number::Unreadable)) => {
                return Err(format!("{} is not a number", self.cell(row, column)));
            }
        };
        Ok(Candle { open_time, open, high, low, close, volume })
    }

    fn cell(&self, row: &impl Row, column: usize) -> String {
        format!("column {:?}: {:?}", self.names[column], row.text(column))
    }
}

/// How many fields have a column by that name; two or more make a line a header.
pub(super) fn recognised(header: &Header, map: &ColumnMap, instrument: &InstrumentId) -> usize {
    let is_known = |field: usize| {
        let is_mapped = map.0[field].as_ref().is_some_and(|given| header.named(given).is_some());
        is_mapped || aliases(field, instrument).iter().any(|name| header.named(name).is_some())
    };
    (0..FIELDS.len()).filter(|field| is_known(*field)).count()
}

/// Names a field goes by, best first.
fn aliases(field: usize, instrument: &InstrumentId) -> Vec<String> {
    let fixed: &[&str] = match field {
        TIME => &TIME_NAMES,
        1 => &["open", "o"],
        2 => &["high", "h"],
        3 => &["low", "l"],
        4 => &["close", "c"],
        _ => &["volume", "vol", "v", "volume_btc"],
    };
    let fixed = fixed.iter().map(|name| (*name).to_owned());
    if field != VOLUME {
        return fixed.collect();
    }
    // Volume is kept in base units. A file that has a column for base units uses plain "volume"
    // for quote units, so the explicit column goes first.
    let base = instrument.pair().map(|(base, _)| format!("volume_{}", base.to_lowercase()));
    std::iter::once("base_volume".to_owned()).chain(base).chain(fixed).collect()
}

fn mapped(header: &Header, field: usize, given: &str) -> Result<usize, FileError> {
    header.named(given).ok_or_else(|| FileError::NoMappedColumn {
        place: header.place.clone(),
        field: FIELDS[field],
        given: given.to_owned(),
        present: header.present(),
    })
}

fn detected(
    header: &Header,
    field: usize,
    instrument: &InstrumentId,
    sample: &[impl Row],
) -> Option<usize> {
    let parses = |column: &usize| {
        sample.iter().any(|row| match field {
            TIME => row.time(*column).is_some(),
            _ => matches!(row.number(*column), Number::Value(_)),
        })
    };
    let names = aliases(field, instrument);
    let mut candidates: Vec<usize> = names.iter().filter_map(|name| header.named(name)).collect();
    let best_named = candidates.first().copied();
    if field == TIME {
        candidates.extend(INDEX_NAMES.iter().filter_map(|name| header.named(name)));
    }
    candidates.into_iter().find(parses).or(best_named)
}

fn no_column(header: &Header, found: &[Option<usize>; 6]) -> FileError {
    let is_missing = |field: &usize| *field != VOLUME && found[*field].is_none();
    let missing: Vec<&str> = (0..VOLUME).filter(is_missing).map(|field| FIELDS[field]).collect();
    FileError::NoColumn {
        place: header.place.clone(),
        example: missing.first().copied().unwrap_or(FIELDS[TIME]),
        missing: missing.join(", "),
        present: header.present(),
    }
}

/// A day beside a time of day would read as many candles at midnight.
fn refuse_split_time(header: &Header, date: usize, sample: &[impl Row]) -> Result<(), FileError> {
    let names = TIME_NAMES.iter().filter_map(|name| header.named(name));
    for time in names.filter(|column| *column != date) {
        let is_split = sample.iter().any(|row| {
            let day = row.time(date).is_some_and(|at| at.time() == NaiveTime::MIN);
            day && time::of_day(&row.text(time)).is_some_and(|of_day| of_day != NaiveTime::MIN)
        });
        if is_split {
            return Err(FileError::SplitTime {
                place: header.place.clone(),
                date: header.names[date].clone(),
                time: header.names[time].clone(),
            });
        }
    }
    Ok(())
}
