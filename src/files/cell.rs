//! Single cells of a row, whatever kind of file the row is in.

use chrono::{DateTime, Utc};

/// One row of any file, cell by cell.
pub(super) trait Row {
    fn time(&self, column: usize) -> Option<DateTime<Utc>>;
    fn number(&self, column: usize) -> Number;
    /// The cell for people to read.
    fn text(&self, column: usize) -> String;
}

/// What a cell holds where a number belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Absent,
    Value(f64),
    Unreadable,
}

impl Number {
    pub(super) fn of_text(text: &str) -> Self {
        if text.is_empty() {
            return Self::Absent;
        }
        text.parse().map_or(Self::Unreadable, Self::of_float)
    }

    /// Data frames have no other way than NaN to leave a number out.
    pub(super) fn of_float(value: f64) -> Self {
        match value {
            _ if value.is_nan() => Self::Absent,
            _ if value.is_finite() => Self::Value(value),
            _ => Self::Unreadable,
        }
    }
}
