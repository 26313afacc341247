//! Two accounts of the same candles, side by side: what only one of them has, and where they differ.
//!
//! Nothing here knows where candles come from. It takes them in order of time, a stretch at a time, so
//! that years of them need no memory.

use std::{cmp::Ordering, iter::Peekable};

use serde::Serialize;

use crate::market::Candle;

/// How far apart two values may be and still be the same, in basis points of the larger one. At zero
/// they have to agree bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tolerance {
    pub price: f64,
    /// `None`: volumes are not looked at.
    pub volume: Option<f64>,
}

/// What two candles of one open time can differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
}

/// What is wrong with a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    MissingInA,
    MissingInB,
    Changed,
    /// Once more at the same open time; the first one is the one that counts.
    DuplicateInA,
    DuplicateInB,
}

/// A candle on which the sides do not agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub fault: Fault,
    /// Where it has changed: in what. Never empty there.
    pub fields: Vec<Field>,
    pub a: Option<Candle>,
    pub b: Option<Candle>,
}

/// How one field fared.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Change {
    pub changed: u64,
    /// In basis points of the larger value; `None` where nothing has changed, or only from a value to
    /// none.
    pub largest_bps: Option<f64>,
}

/// What has come of it so far. `compared` is `same`, `changed` and both kinds of missing together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Counts {
    /// Open times that either side has.
    pub compared: u64,
    pub same: u64,
    pub changed: u64,
    pub missing_in_a: u64,
    pub missing_in_b: u64,
    pub duplicates_in_a: u64,
    pub duplicates_in_b: u64,
}

/// A comparison under way.
#[derive(Debug, Clone)]
pub struct Comparison {
    tolerance: Tolerance,
    /// How many differences are kept; all of them are counted.
    limit: usize,
    counts: Counts,
    changes: [Change; Field::ALL.len()],
    differences: Vec<Difference>,
}

impl Field {
    pub const ALL: [Self; 5] = [Self::Open, Self::High, Self::Low, Self::Close, Self::Volume];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
        }
    }

    pub const fn of(self, candle: &Candle) -> Option<f64> {
        match self {
            Self::Open => Some(candle.open),
            Self::High => Some(candle.high),
            Self::Low => Some(candle.low),
            Self::Close => Some(candle.close),
            Self::Volume => candle.volume,
        }
    }
}

impl Tolerance {
    /// Of that field; `None` if it is not looked at.
    const fn of(self, field: Field) -> Option<f64> {
        match field {
            Field::Volume => self.volume,
            _ => Some(self.price),
        }
    }

    /// Whether two values pass as the same. No value is the same as none, and NaN as nothing at all.
    fn allows(self, field: Field, a: Option<f64>, b: Option<f64>) -> bool {
        let Some(tolerance) = self.of(field) else { return true };
        match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) if a.is_nan() || b.is_nan() => false,
            (Some(a), Some(b)) if a.to_bits() == b.to_bits() => true,
            (Some(a), Some(b)) => tolerance > 0.0 && apart(a, b) <= tolerance,
            _ => false,
        }
    }
}

/// In basis points of the larger one, so that it does not matter which side is which.
fn apart(a: f64, b: f64) -> f64 {
    let larger = a.abs().max(b.abs());
    match (a - b).abs() * 1e4 / larger {
        _ if larger == 0.0 => 0.0,
        unmeasured if unmeasured.is_nan() => f64::INFINITY,
        apart => apart,
    }
}

impl Counts {
    pub const fn is_same(&self) -> bool {
        self.compared == self.same && self.duplicates_in_a == 0 && self.duplicates_in_b == 0
    }

    /// All that is counted as a difference.
    pub const fn differences(&self) -> u64 {
        self.compared - self.same + self.duplicates_in_a + self.duplicates_in_b
    }
}

impl Comparison {
    pub fn new(tolerance: Tolerance, limit: usize) -> Self {
        Self {
            tolerance,
            limit,
            counts: Counts::default(),
            changes: [Change::default(); Field::ALL.len()],
            differences: Vec::new(),
        }
    }

    /// Compares a stretch of time: both sides in order of open time, and all of it after what was
    /// compared before.
    pub fn add(
        &mut self,
        a: impl IntoIterator<Item = Candle>,
        b: impl IntoIterator<Item = Candle>,
    ) {
        let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
        loop {
            let order = match (a.peek(), b.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.open_time.cmp(&b.open_time),
            };
            let of_a = a.next_if(|_| order.is_le());
            let of_b = b.next_if(|_| order.is_ge());
            self.judge(of_a, of_b);
            if let Some(first) = of_a {
                self.repeated(&first, &mut a, Fault::DuplicateInA);
            }
            if let Some(first) = of_b {
                self.repeated(&first, &mut b, Fault::DuplicateInB);
            }
        }
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Of every field, whether anything has changed in it or not.
    pub fn changes(&self) -> impl Iterator<Item = (Field, Change)> + '_ {
        Field::ALL.into_iter().zip(self.changes)
    }

    /// The first of them, in order of time.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// One open time.
    fn judge(&mut self, a: Option<Candle>, b: Option<Candle>) {
        self.counts.compared += 1;
        let fault = match (a, b) {
            (Some(a), Some(b)) => {
                let fields = self.changed(&a, &b);
                if fields.is_empty() {
                    self.counts.same += 1;
                } else {
                    self.counts.changed += 1;
                    self.keep(Fault::Changed, fields, Some(a), Some(b));
                }
                return;
            }
            (None, _) => {
                self.counts.missing_in_a += 1;
                Fault::MissingInA
            }
            (_, None) => {
                self.counts.missing_in_b += 1;
                Fault::MissingInB
            }
        };
        self.keep(fault, Vec::new(), a, b);
    }

    fn changed(&mut self, a: &Candle, b: &Candle) -> Vec<Field> {
        let mut fields = Vec::new();
        for (field, change) in Field::ALL.into_iter().zip(&mut self.changes) {
            let (a, b) = (field.of(a), field.of(b));
            if self.tolerance.allows(field, a, b) {
                continue;
            }
            fields.push(field);
            change.changed += 1;
            if let Some((a, b)) = a.zip(b) {
                let apart = apart(a, b);
                change.largest_bps =
                    Some(change.largest_bps.map_or(apart, |largest| largest.max(apart)));
            }
        }
        fields
    }

    /// Everything that follows at the open time of `first`.
    fn repeated(
        &mut self,
        first: &Candle,
        side: &mut Peekable<impl Iterator<Item = Candle>>,
        fault: Fault,
    ) {
        while let Some(again) = side.next_if(|next| next.open_time == first.open_time) {
            let (count, a, b) = match fault {
                Fault::DuplicateInA => (&mut self.counts.duplicates_in_a, Some(again), None),
                _ => (&mut self.counts.duplicates_in_b, None, Some(again)),
            };
            *count += 1;
            self.keep(fault, Vec::new(), a, b);
        }
    }

    fn keep(&mut self, fault: Fault, fields: Vec<Field>, a: Option<Candle>, b: Option<Candle>) {
        if self.differences.len() < self.limit {
            self.differences.push(Difference { fault, fields, a, b });
        }
    }
}

#[cfg(test)]
mod tests;
