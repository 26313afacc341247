//! What was kept of an answer, to be read once more by the rules of today.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::market::{Provenance, Series, Window};

/// A row that was refused, or a whole answer of which nothing could be read.
#[derive(Debug, Clone)]
pub struct Kept {
    pub series: Series,
    /// As the provider sent it.
    pub raw: Bytes,
    /// One row, and not the whole answer.
    pub is_row: bool,
    pub source: String,
    pub extracted_at: DateTime<Utc>,
    /// No candle that closes later can be final in it.
    pub made_at: DateTime<Utc>,
}

impl Kept {
    /// What was asked for is not known any more, so that everything in it counts.
    pub(super) const WINDOW: Window =
        Window::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);

    /// The answer: as it was, or the row between what comes before and after it in a whole one.
    pub(super) fn answer(&self, before: &str, after: &str) -> Bytes {
        if !self.is_row {
            return self.raw.clone();
        }
        [before.as_bytes(), &self.raw, after.as_bytes()].concat().into()
    }

    /// When we learned of it does not change.
    pub(super) fn provenance(&self, is_mock: bool) -> Provenance {
        Provenance {
            extracted_at: self.extracted_at,
            made_at: self.made_at,
            source: self.source.clone(),
            is_mock,
            is_derived: false,
        }
    }
}
