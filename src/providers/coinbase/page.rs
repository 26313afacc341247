//! What a page becomes, whichever API gave it: newest first there, oldest first here.

use std::sync::OnceLock;

use bytes::Bytes;
use chrono::DateTime;

use crate::market::{Candle, Candles, Provenance, RawBatch, RawText, Series, Window};

/// The rows of a page, in its order.
#[derive(Default)]
pub(super) struct Page {
    candles: Candles,
    rows: Vec<usize>,
    unreadable: Vec<(usize, String)>,
}

/// Low, high, open, close and volume, as both APIs order them.
pub(super) type Values = [f64; 5];

impl Page {
    /// `time` is in Unix seconds.
    pub(super) fn push(&mut self, row: usize, time: i64, [low, high, open, close, volume]: Values) {
        let Some(open_time) = DateTime::from_timestamp(time, 0) else {
            self.set_aside(row, format!("time {time} is outside the calendar"));
            return;
        };
        let volume = Some(volume);
        self.candles.push(Candle { open_time, open, high, low, close, volume });
        self.rows.push(row);
    }

    pub(super) fn set_aside(&mut self, row: usize, reason: String) {
        self.unreadable.push((row, reason));
    }

    /// `texts_of` finds the text of every row of `body`. It is asked when the first one is wanted,
    /// and only once, since a page may be bad from end to end.
    pub(super) fn into_batch(
        self,
        series: &Series,
        window: Window,
        provenance: Provenance,
        body: Bytes,
        texts_of: fn(&Bytes) -> Vec<Bytes>,
    ) -> RawBatch {
        let Self { mut candles, mut rows, unreadable } = self;
        candles.reverse();
        rows.reverse();
        let texts = OnceLock::new();
        let raw = RawText::new(move |row| {
            let texts = texts.get_or_init(|| texts_of(&body));
            texts.get(row).unwrap_or(&body).clone()
        });
        let series = series.clone();
        RawBatch { series, window, provenance, candles, raw, rows, unfinished: 0, unreadable }
    }
}
