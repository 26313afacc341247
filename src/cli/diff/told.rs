//! What came of a comparison, for programs and for people.

use std::{collections::BTreeMap, fmt::Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    cli::output::{Column, Look, count, details, grouped, instant, table, text},
    market::{Candle, Timeframe, Window},
    quality::{Change, Comparison, Counts, Difference, Fault, Field, Tolerance},
};

/// One object with everything.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    a: String,
    b: String,
    timeframe: Timeframe,
    #[serde(flatten)]
    window: Window,
    price_tolerance_bps: f64,
    /// Null: volumes were not looked at.
    volume_tolerance_bps: Option<f64>,
    is_same: bool,
    differences: u64,
    #[serde(flatten)]
    counts: Counts,
    fields: BTreeMap<Field, Change>,
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    open_time: DateTime<Utc>,
    what: Fault,
    fields: Vec<Field>,
    a: Option<Values>,
    b: Option<Values>,
}

type Values = BTreeMap<Field, Option<f64>>;

const HEAD: [Column; 11] = [
    text("A", "/a"),
    text("B", "/b"),
    instant("start", "/start"),
    instant("end (excluded)", "/end"),
    count("compared", "/compared"),
    count("same", "/same"),
    count("changed", "/changed"),
    count("missing in A", "/missing_in_a"),
    count("missing in B", "/missing_in_b"),
    count("duplicates in A", "/duplicates_in_a"),
    count("duplicates in B", "/duplicates_in_b"),
];

const CHANGES: [Column; 3] =
    [text("field", "/field"), count("changed", "/changed"), text("largest in bps", "/largest")];

const EXAMPLES: [Column; 5] = [
    instant("open time", "/open_time"),
    text("what", "/what"),
    text("field", "/field"),
    text("A", "/a"),
    text("B", "/b"),
];

/// Where there is no value.
const NONE: &str = "–";

impl Told {
    pub(super) fn of(
        [a, b]: [String; 2],
        (timeframe, window): (Timeframe, Window),
        tolerance: Tolerance,
        comparison: &Comparison,
    ) -> Self {
        let counts = comparison.counts();
        Self {
            a,
            b,
            timeframe,
            window,
            price_tolerance_bps: tolerance.price,
            volume_tolerance_bps: tolerance.volume,
            is_same: counts.is_same(),
            differences: counts.differences(),
            counts,
            fields: comparison.changes().collect(),
            examples: comparison.differences().iter().filter_map(Example::of).collect(),
        }
    }

    /// Counts, what has changed, the first differences, and the verdict at the end.
    pub(super) fn shown(&self, value: &Value, look: Look) -> String {
        let mut shown = details(&HEAD, value, look);
        let changed = self.fields.iter().filter(|(_, change)| change.changed > 0);
        let changed: Vec<Value> =
            changed.map(|(field, change)| change_row(*field, *change)).collect();
        for (columns, rows) in [(&CHANGES[..], changed), (&EXAMPLES[..], self.rows())] {
            if !rows.is_empty() {
                let _ = write!(shown, "\n\n{}", table(columns, &rows, look));
            }
        }
        format!("{shown}\n\n{}", self.verdict())
    }

    fn rows(&self) -> Vec<Value> {
        self.examples.iter().flat_map(Example::rows).collect()
    }

    fn verdict(&self) -> String {
        let mut verdict = if self.is_same {
            "A and B have the same candles".to_owned()
        } else {
            let s = if self.differences == 1 { "" } else { "s" };
            format!("A and B differ: {} difference{s}", number(self.differences))
        };
        let untold = self.differences - self.examples.len() as u64;
        if untold > 0 {
            let _ = write!(verdict, ", of which {} are not listed (--limit)", number(untold));
        }
        if self.price_tolerance_bps > 0.0 {
            let _ = write!(verdict, "; prices may be {} bps apart", self.price_tolerance_bps);
        }
        match self.volume_tolerance_bps {
            None => verdict.push_str("; volumes are not compared"),
            Some(bps) if bps > 0.0 => _ = write!(verdict, "; volumes may be {bps} bps apart"),
            Some(_) => {}
        }
        verdict
    }
}

impl Example {
    fn of(difference: &Difference) -> Option<Self> {
        let Difference { fault, ref fields, a, b } = *difference;
        let values = |candle: Candle| Field::ALL.map(|field| (field, field.of(&candle))).into();
        Some(Self {
            open_time: a.or(b)?.open_time,
            what: fault,
            fields: fields.clone(),
            a: a.map(values),
            b: b.map(values),
        })
    }

    /// One for every field that has changed, or one for the whole candle.
    fn rows(&self) -> Vec<Value> {
        let row = |field: String, a: String, b: String| {
            let what = words(self.what);
            json!({ "open_time": self.open_time, "what": what, "field": field, "a": a, "b": b })
        };
        let (a, b) = (self.a.as_ref(), self.b.as_ref());
        if self.what == Fault::Changed {
            let changed =
                |field: &Field| row(field.as_str().to_owned(), value(a, *field), value(b, *field));
            return self.fields.iter().map(changed).collect();
        }
        vec![row("o h l c v".to_owned(), whole(a), whole(b))]
    }
}

const fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::MissingInA => "missing in A",
        Fault::MissingInB => "missing in B",
        Fault::Changed => "changed",
        Fault::DuplicateInA => "duplicate in A",
        Fault::DuplicateInB => "duplicate in B",
    }
}

fn value(side: Option<&Values>, field: Field) -> String {
    side.and_then(|values| values[&field]).map_or(NONE.to_owned(), |value| value.to_string())
}

fn whole(side: Option<&Values>) -> String {
    match side {
        None => NONE.to_owned(),
        Some(_) => Field::ALL.map(|field| value(side, field)).join(" "),
    }
}

fn change_row(field: Field, change: Change) -> Value {
    let largest = change.largest_bps.map_or(NONE.to_owned(), |bps| match bps {
        small if small < 0.001 => format!("{small:.1e}"),
        bps => format!("{bps:.3}"),
    });
    json!({ "field": field, "changed": change.changed, "largest": largest })
}

fn number(count: u64) -> String {
    i64::try_from(count).map_or(count.to_string(), grouped)
}
