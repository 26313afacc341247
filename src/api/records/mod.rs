//! What users write down: `POST /v1/ingest/{table}`, `GET /v1/decisions`, `GET /v1/executions`.

pub(super) mod decisions;
pub(super) mod executions;
pub(super) mod ingest;
mod place;

use serde_json::value::RawValue;

use super::{Problem, extract::page};
use crate::{
    app::App,
    lake::{RecordFilter, RevisedRecord},
    market::RecordKind,
};

/// Records in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

/// A page of a kind's newest revisions, and where the next one begins.
async fn page_of<View>(
    app: &App,
    kind: RecordKind,
    (filter, limit): (&RecordFilter, u32),
    view: fn(RevisedRecord) -> Option<View>,
) -> Result<(Vec<View>, Option<String>), Problem> {
    let rows = app.lake.records(kind).records(filter, limit as usize + 1).await?;
    let (rows, next) = page(rows, limit, place::after);
    Ok((rows.into_iter().filter_map(view).collect(), next))
}

/// The document as it came. It was read as JSON before it landed.
fn document(raw: String) -> Box<RawValue> {
    RawValue::from_string(raw).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
