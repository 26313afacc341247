//! Single values of rows that are text, and columns made of them.

use std::{borrow::Cow, fmt, sync::Arc};

use chrono::{DateTime, NaiveDate};
use deltalake::arrow::{
    array::{
        ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int32Builder, Int64Builder,
        StringBuilder, TimestampMicrosecondBuilder,
    },
    datatypes::Date32Type,
};
use serde_json::{Number, Value};

use super::Kind;

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    /// Of CSV, where a text and a number look the same.
    Loose(Cow<'a, str>),
    Text(Cow<'a, str>),
    Number(Number),
    Bool(bool),
    /// An object or a list.
    Nested,
}

impl Cell<'_> {
    pub(super) fn of_json(value: Value) -> Cell<'static> {
        match value {
            Value::Null => Cell::Null,
            Value::String(text) => Cell::Text(text.into()),
            Value::Number(number) => Cell::Number(number),
            Value::Bool(flag) => Cell::Bool(flag),
            Value::Array(_) | Value::Object(_) => Cell::Nested,
        }
    }

    pub(super) fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Loose(text) => Cell::Loose(text.into_owned().into()),
            Self::Text(text) => Cell::Text(text.into_owned().into()),
            Self::Null => Cell::Null,
            Self::Number(number) => Cell::Number(number),
            Self::Bool(flag) => Cell::Bool(flag),
            Self::Nested => Cell::Nested,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Loose(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        let number: f64 = match self {
            Self::Number(number) => number.as_f64()?,
            Self::Loose(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    fn whole(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Loose(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Loose(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// Without an offset it would be another instant elsewhere.
    fn micros(&self) -> Option<i64> {
        let at = DateTime::parse_from_rfc3339(self.text()?.trim()).ok()?;
        Some(at.timestamp_micros())
    }

    fn day(&self) -> Option<i32> {
        let day: NaiveDate = self.text()?.trim().parse().ok()?;
        Some(Date32Type::from_naive_date(day))
    }

    fn is_of(&self, kind: Kind) -> bool {
        match kind {
            Kind::Text => self.text().is_some(),
            Kind::Float => self.float().is_some(),
            Kind::Long => self.whole().is_some(),
            Kind::Int => self.whole().is_some_and(|whole| i32::try_from(whole).is_ok()),
            Kind::Bool => self.bool().is_some(),
            Kind::Timestamp => self.micros().is_some(),
            Kind::Date => self.day().is_some(),
        }
    }
}

/// Enough of it to be recognised.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 60;
        match self {
            Self::Null => f.write_str("null"),
            Self::Loose(text) | Self::Text(text) => {
                let end = text.char_indices().nth(MOST).map_or(text.len(), |(end, _)| end);
                let more = if end < text.len() { "…" } else { "" };
                write!(f, "{:?}", format!("{}{more}", &text[..end]))
            }
            Self::Number(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
            Self::Nested => f.write_str("an object or a list"),
        }
    }
}

/// What a column of these values is: the narrowest of which all are, or else what the first one is.
/// `None` if that is nothing that a column holds.
pub(super) fn inferred(cells: &[(usize, Cell)]) -> Option<Kind> {
    const NARROW_FIRST: [Kind; 6] =
        [Kind::Bool, Kind::Long, Kind::Float, Kind::Timestamp, Kind::Date, Kind::Text];
    let narrowest = |of: &[(usize, Cell)]| {
        let are_all = |kind: &Kind| of.iter().all(|(_, cell)| cell.is_of(*kind));
        NARROW_FIRST.into_iter().find(are_all)
    };
    narrowest(cells).or_else(|| narrowest(cells.get(..1)?))
}

/// The values of a column, one after the other.
pub(super) enum Values {
    Text(StringBuilder),
    Float(Float64Builder),
    Long(Int64Builder),
    Int(Int32Builder),
    Bool(BooleanBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
}

impl Values {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Long => Self::Long(Int64Builder::new()),
            Kind::Int => Self::Int(Int32Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            Kind::Date => Self::Date(Date32Builder::new()),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Float(_) => Kind::Float,
            Self::Long(_) => Kind::Long,
            Self::Int(_) => Kind::Int,
            Self::Bool(_) => Kind::Bool,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::Date(_) => Kind::Date,
        }
    }

    /// Whether the cell is null, or of this kind; otherwise null takes its place.
    pub(super) fn push(&mut self, cell: &Cell) -> bool {
        let is_null = *cell == Cell::Null;
        let is_value = match self {
            Self::Text(values) => {
                values.append_option(cell.text());
                cell.text().is_some()
            }
            Self::Float(values) => {
                values.append_option(cell.float());
                cell.float().is_some()
            }
            Self::Long(values) => {
                values.append_option(cell.whole());
                cell.whole().is_some()
            }
            Self::Int(values) => {
                let whole = cell.whole().and_then(|whole| i32::try_from(whole).ok());
                values.append_option(whole);
                whole.is_some()
            }
            Self::Bool(values) => {
                values.append_option(cell.bool());
                cell.bool().is_some()
            }
            Self::Timestamp(values) => {
                values.append_option(cell.micros());
                cell.micros().is_some()
            }
            Self::Date(values) => {
                values.append_option(cell.day());
                cell.day().is_some()
            }
        };
        is_null || is_value
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut values) => Arc::new(values.finish()),
            Self::Float(mut values) => Arc::new(values.finish()),
            Self::Long(mut values) => Arc::new(values.finish()),
            Self::Int(mut values) => Arc::new(values.finish()),
            Self::Bool(mut values) => Arc::new(values.finish()),
            Self::Timestamp(mut values) => Arc::new(values.finish()),
            Self::Date(mut values) => Arc::new(values.finish()),
        }
    }
}
