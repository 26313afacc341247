//! What users write down: `POST /v1/ingest/{table}`, `GET /v1/decisions`, `GET /v1/executions`.

pub(super) mod decisions;
pub(super) mod executions;
pub(super) mod ingest;
mod place;

use serde_json::value::RawValue;

/// The document as it came. It was read as JSON before it landed.
fn document(raw: String) -> Box<RawValue> {
    RawValue::from_string(raw).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
