//! What a good candle is. The rule of the house: only `validate` makes a `ValidBatch`.

mod anomaly;
mod compare;
mod dead_letter;
mod expectation;
mod finding;
mod fingerprint;
mod items;
mod validate;

pub use anomaly::Anomaly;
pub use compare::{Change, Comparison, Counts, Difference, Fault, Field, Tolerance};
pub use dead_letter::DeadLetter;
pub use expectation::{EXPECTATIONS, Expectation, Severity, reasons};
pub use finding::{Check, Divergence, Finding};
pub use fingerprint::Fingerprint;
pub use items::{Item, Judged, judge};
pub use validate::{ValidBatch, Verdict, validate};
