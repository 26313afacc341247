//! An answer in words: its candles, the rows that were refused, or why there are none.

use std::fmt::Write;

use barkeep::{
    error::chain,
    market::{Calendar, RawBatch},
    providers::ProviderError,
    quality::validate,
};
use chrono::TimeDelta;

/// What the decoder and the validator make of one answer.
pub(crate) fn told(
    outcome: Result<RawBatch, ProviderError>,
    calendar: Calendar,
    settle: TimeDelta,
) -> String {
    match outcome {
        Ok(batch) => judged(batch, calendar, settle),
        Err(error) => format!("{:?}: {}", error.class(), chain(&error)),
    }
}

fn judged(batch: RawBatch, calendar: Calendar, settle: TimeDelta) -> String {
    let verdict = validate(batch, calendar, settle);
    let mut text = String::new();
    for c in verdict.valid.candles().iter() {
        let time = c.open_time.format("%F %R");
        let volume = c.volume.map_or("none".to_owned(), |volume| volume.to_string());
        writeln!(text, "{time}  o {} h {} l {} c {} v {volume}", c.open, c.high, c.low, c.close)
            .unwrap();
    }
    for letter in &verdict.refused {
        let raw = String::from_utf8_lossy(&letter.raw);
        writeln!(text, "refused by {}: {}: {raw}", letter.expectation, letter.detail).unwrap();
    }
    text + &format!("{} unfinished, {} repeated\n", verdict.unfinished, verdict.repeated)
}
