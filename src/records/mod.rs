//! What a good record is: from a JSON document, in any of the shapes that have been written so far, to
//! a decision or an execution, or to the reason why it is none.
//!
//! A document may have more fields than are read here: all of it is kept. A time without a zone is in
//! UTC, as the recorders of old meant it.

mod asset;
mod decision;
mod documents;
mod execution;
mod fields;
mod same;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use self::fields::Fields;
pub use self::{
    asset::asset_of,
    documents::{Form, Unparsable, documents},
    same::is_same,
};
use crate::market::{Record, RecordKind};

/// Clocks differ by a little.
const TOLERATED_SKEW: TimeDelta = TimeDelta::minutes(10);

/// A document that is good enough, and what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub record: Record,
    /// Names of the expectations that it does not meet, although it lands.
    pub warnings: Vec<&'static str>,
}

/// Why a document is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the expectation that did not hold.
    pub expectation: &'static str,
    /// As the document calls it, or as it should.
    pub field: String,
    /// What is wrong with its value.
    pub reason: String,
    /// What to write instead.
    pub fix: String,
}

/// Every expectation whose failure refuses a document.
pub const REASONS: [&str; 12] = [
    "readable",
    "readable_field",
    "key_present",
    "timestamp_present",
    "not_in_future",
    "known_asset",
    "known_word",
    "confidence_in_range",
    "positive_price",
    "positive_quantity",
    "exit_not_before_entry",
    "exit_of_closed",
];

/// The expectation that only warns: the profit that a trade says it made follows from its prices.
pub const PROFIT_ADDS_UP: &str = "profit_adds_up";

/// Judges a document that was received at that time.
pub fn judge(
    kind: RecordKind,
    document: &[u8],
    received_at: DateTime<Utc>,
) -> Result<Judged, Fault> {
    let fields = Fields::read(document)?;
    let latest = received_at + TOLERATED_SKEW;
    match kind {
        RecordKind::Decision => decision::read(&fields, latest),
        RecordKind::Execution => execution::read(&fields, latest),
    }
}

impl Fault {
    fn new(
        expectation: &'static str,
        field: impl Into<String>,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { expectation, field: field.into(), reason: reason.into(), fix: fix.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.reason, self.fix)
    }
}

#[cfg(test)]
mod tests;
