//! From what a source said to what may be written: `RawBatch` to `ValidBatch` and dead letters.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    DeadLetter,
    expectation::{Circumstances, EXPECTATIONS, Severity},
};
use crate::market::{Calendar, Candle, Candles, Provenance, RawBatch, Series, Window};

/// Candles of one series that met every refusing expectation: closed, on the grid, inside the
/// window, oldest first, one per open time. Only `validate` makes one.
#[derive(Debug, Clone)]
pub struct ValidBatch {
    series: Series,
    window: Window,
    provenance: Provenance,
    candles: Candles,
}

impl ValidBatch {
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// What was asked for.
    pub fn window(&self) -> Window {
        self.window
    }

    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    pub fn candles(&self) -> &Candles {
        &self.candles
    }

    /// Only the candles of `rows`, which ascend.
    pub fn select(self, rows: &[usize]) -> Self {
        debug_assert!(rows.is_sorted(), "a valid batch stays in order");
        Self { candles: select(self.candles, rows), ..self }
    }
}

/// What became of every row of one answer.
#[derive(Debug)]
pub struct Verdict {
    pub valid: ValidBatch,
    pub refused: Vec<DeadLetter>,
    /// Rows dropped because their candle had not settled yet; they will be asked for again.
    pub unfinished: usize,
    /// Rows that repeated another one exactly.
    pub repeated: usize,
    /// How often a warning expectation did not hold.
    pub warnings: BTreeMap<&'static str, usize>,
}

/// Judges every row of an answer. `settle` is how long after its close a candle may still change.
pub fn validate(raw: RawBatch, calendar: Calendar, settle: TimeDelta) -> Verdict {
    let mut judge = Judge::new(&raw, calendar, settle);
    for row in 0..raw.candles.len() {
        judge.try_row(&raw, row);
    }
    for (row, reason) in &raw.unreadable {
        judge.refuse(&raw, None, "readable", reason.clone(), *row);
    }
    judge.settle_duplicates(&raw);
    let Judge { kept, refused, unfinished, repeated, warnings, .. } = judge;
    let RawBatch { series, window, provenance, candles, .. } = raw;
    let candles = select(candles, &kept);
    let valid = ValidBatch { series, window, provenance, candles };
    Verdict { valid, refused, unfinished, repeated, warnings }
}

struct Judge {
    circumstances: Circumstances,
    settled_until: DateTime<Utc>,
    /// Rows that passed, in the answer's order.
    kept: Vec<usize>,
    refused: Vec<DeadLetter>,
    unfinished: usize,
    repeated: usize,
    warnings: BTreeMap<&'static str, usize>,
}

impl Judge {
    fn new(raw: &RawBatch, calendar: Calendar, settle: TimeDelta) -> Self {
        let timeframe = raw.series.timeframe;
        let extracted_at = raw.provenance.extracted_at;
        Self {
            circumstances: Circumstances { timeframe, window: raw.window, extracted_at, calendar },
            settled_until: raw.provenance.made_at.min(extracted_at) - settle,
            kept: Vec::with_capacity(raw.candles.len()),
            refused: Vec::new(),
            unfinished: raw.unfinished,
            repeated: 0,
            warnings: BTreeMap::new(),
        }
    }

    fn try_row(&mut self, raw: &RawBatch, row: usize) {
        let candle = raw.candles.get(row);
        let duration = self.circumstances.timeframe.duration();
        let close_time = candle.open_time.checked_add_signed(duration).unwrap_or(candle.open_time);
        let is_running = candle.open_time <= self.circumstances.extracted_at;
        if is_running && close_time > self.settled_until {
            self.unfinished += 1;
            return;
        }
        for expectation in EXPECTATIONS {
            if (expectation.holds)(&candle, &self.circumstances) {
                continue;
            }
            match expectation.severity {
                Severity::Warn => *self.warnings.entry(expectation.name).or_default() += 1,
                Severity::Refuse => {
                    let detail = (expectation.complaint)(&candle, &self.circumstances);
                    let open_time = Some(candle.open_time);
                    self.refuse(raw, open_time, expectation.name, detail, raw.rows[row]);
                    return;
                }
            }
        }
        self.kept.push(row);
    }

    fn refuse(
        &mut self,
        raw: &RawBatch,
        open_time: Option<DateTime<Utc>>,
        expectation: &str,
        detail: String,
        raw_row: usize,
    ) {
        let Provenance { source, extracted_at, .. } = &raw.provenance;
        let bytes = raw.raw.row(raw_row);
        let from = (source.as_str(), *extracted_at);
        let letter =
            DeadLetter::new((&raw.series).into(), open_time, expectation, detail, bytes, from);
        self.refused.push(letter);
    }

    /// Orders the rows by time; exact repetitions count once, contradictions not at all.
    fn settle_duplicates(&mut self, raw: &RawBatch) {
        let times = &raw.candles.open_time;
        if self.kept.is_sorted_by(|a, b| times[*a] > times[*b]) {
            self.kept.reverse();
        }
        if self.kept.is_sorted_by(|a, b| times[*a] < times[*b]) {
            return;
        }
        let mut rows = std::mem::take(&mut self.kept);
        rows.sort_by_key(|row| times[*row]);
        for same_time in rows.chunk_by(|a, b| times[*a] == times[*b]) {
            let first = raw.candles.get(same_time[0]);
            let agree = |row: &usize| raw.candles.get(*row).has_values_of(&first);
            if same_time.iter().all(agree) {
                self.kept.push(same_time[0]);
                self.repeated += same_time.len() - 1;
                continue;
            }
            for row in same_time {
                let detail = contradiction(&first, same_time.len());
                let open_time = Some(first.open_time);
                self.refuse(raw, open_time, "no_conflict", detail, raw.rows[*row]);
            }
        }
    }
}

fn contradiction(candle: &Candle, times: usize) -> String {
    format!(
        "one answer gives the candle of {} {times} times with different values",
        candle.open_time
    )
}

/// The rows of `kept`, in that order; all of them in their own order costs nothing.
fn select(candles: Candles, kept: &[usize]) -> Candles {
    if kept.len() == candles.len() && kept.is_sorted() {
        return candles;
    }
    if kept.len() == candles.len() && kept.is_sorted_by(|a, b| a > b) {
        let mut reversed = candles;
        reversed.reverse();
        return reversed;
    }
    let pick = |column: &[f64]| kept.iter().map(|row| column[*row]).collect();
    Candles {
        open_time: kept.iter().map(|row| candles.open_time[*row]).collect(),
        open: pick(&candles.open),
        high: pick(&candles.high),
        low: pick(&candles.low),
        close: pick(&candles.close),
        volume: kept.iter().map(|row| candles.volume[*row]).collect(),
    }
}

#[cfg(test)]
mod tests;
