//! What a good candle is. The rule of the house: only `validate` makes a `ValidBatch`.

mod dead_letter;
mod expectation;
mod finding;
mod fingerprint;
mod items;
mod validate;

pub use dead_letter::DeadLetter;
pub use expectation::{EXPECTATIONS, Expectation, Severity, reasons};
pub use finding::{Check, Divergence, Finding};
pub use fingerprint::Fingerprint;
pub use items::{Item, Judged, judge};
pub use validate::{ValidBatch, Verdict, validate};
