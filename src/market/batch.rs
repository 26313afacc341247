//! One answer of a source, decoded but not yet believed.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{Candles, Series, Window};

/// Where rows came from and when we learned of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// When the answer was received: the knowledge time.
    pub extracted_at: DateTime<Utc>,
    /// When the source made it, by its own clock: no candle that closes later can be final in it.
    /// Earlier than `extracted_at` where it was kept on the way, or our clock is ahead.
    pub made_at: DateTime<Utc>,
    /// Endpoint, topic and offset, or file name. Never carries a credential.
    pub source: String,
    /// Made by a simulator.
    pub is_mock: bool,
    /// Aggregated from a finer timeframe.
    pub is_derived: bool,
}

/// The original text of single rows, found only when one is refused.
#[derive(Clone)]
pub struct RawText(Arc<dyn Fn(usize) -> Bytes + Send + Sync>);

impl RawText {
    pub fn new(row: impl Fn(usize) -> Bytes + Send + Sync + 'static) -> Self {
        Self(Arc::new(row))
    }

    /// The bytes of row `row`, as the source wrote them.
    pub fn row(&self, row: usize) -> Bytes {
        (self.0)(row)
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawText")
    }
}

/// Rows of one answer. `rows[n]` says which raw row column entry `n` came from.
#[derive(Debug, Clone)]
pub struct RawBatch {
    pub series: Series,
    /// What was asked for.
    pub window: Window,
    pub provenance: Provenance,
    pub candles: Candles,
    pub raw: RawText,
    /// Index into `raw` per candle; as many as `candles`.
    pub rows: Vec<usize>,
    /// Rows that the source itself calls unfinished; they are in none of the columns.
    pub unfinished: usize,
    /// Raw rows that could not be read as candles at all, and why.
    pub unreadable: Vec<(usize, String)>,
}

/// Items of one answer of a feed, decoded but not yet believed.
#[derive(Debug, Clone)]
pub struct RawItems<T> {
    pub provenance: Provenance,
    /// With the bytes of each.
    pub items: Vec<(T, Bytes)>,
    /// The bytes of what could not be read as an item at all, and why.
    pub unreadable: Vec<(Bytes, String)>,
    /// Set where the answer was as long as answers get: there is more from this time on.
    pub more_from: Option<DateTime<Utc>>,
}
