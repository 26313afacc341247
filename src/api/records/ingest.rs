//! `POST /v1/ingest/{table}`: decisions and executions, one or many at once.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{
    Problem, body,
    extract::{Params, name_in_path, quoted},
    failed,
    openapi::{NotFound, Refused, Unavailable},
};
use crate::{
    app::App,
    formats::Format,
    ingest::Fate,
    market::RecordKind,
    records::{Form, documents},
};

/// How the documents of a request came, as their rows and dead letters say.
fn source(kind: RecordKind) -> String {
    format!("POST /v1/ingest/{kind}")
}

/// What has become of the documents.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::api) struct Ingested {
    /// In which they are now.
    table: &'static str,
    /// For the first time.
    #[schema(minimum = 0)]
    landed: usize,
    /// As a revision of what had landed before; nothing is overwritten.
    #[schema(minimum = 0)]
    revised: usize,
    /// They say what a revision that has landed says, and added nothing.
    #[schema(minimum = 0)]
    unchanged: usize,
    /// They are kept as dead letters.
    #[schema(minimum = 0)]
    refused: usize,
    /// One for each that was refused.
    refusals: Vec<RefusalView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(in crate::api) struct RefusalView {
    /// Which document of the body it is; the first is 0.
    #[schema(minimum = 0)]
    index: usize,
    /// What was not met, a word like `confidence_in_range`.
    expectation: &'static str,
    /// Which of its fields is wrong.
    field: String,
    /// What is wrong with it.
    reason: String,
    /// How to mend it.
    fix: String,
    /// Under which it is kept, see `GET /v1/dead-letters/{id}`.
    dead_letter: String,
}

/// The table of a path.
pub(in crate::api) struct Into(RecordKind);

impl<S: Send + Sync> FromRequestParts<S> for Into {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        const FIX: &str = "write decisions or executions";
        let name = name_in_path(parts, state, "table", FIX).await?;
        let unknown = |_| {
            let what = format!("table {} that takes documents", quoted(&name));
            Problem::not_found(&what, FIX)
        };
        name.parse().map(Self).map_err(unknown)
    }
}

/// The documents of a body, told apart by its media type.
pub(in crate::api) struct Documents(Vec<Bytes>);

impl<S: Send + Sync> FromRequest<S> for Documents {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let form = form(kind.unwrap_or_default()).ok_or_else(of_other_kind)?;
        let text = body::read(request, state).await?;
        let documents = documents(&text, form).map_err(|error| {
            let fix = "write an object, an array of objects, or send lines as application/x-ndjson";
            Problem::invalid("body", error.to_string(), fix)
        })?;
        if documents.is_empty() {
            let detail = "there is no document in the body";
            return Err(Problem::invalid("body", detail, "send at least one"));
        }
        Ok(Self(documents))
    }
}

fn form(media_type: &str) -> Option<Form> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is = |format: Format| media_type.eq_ignore_ascii_case(format.media_type());
    let lines = is(Format::Ndjson).then_some(Form::Lines);
    lines.or_else(|| is(Format::Json).then_some(Form::Json))
}

fn of_other_kind() -> Problem {
    let detail = "the body is not said to be JSON or lines of it";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail)
        .fix("add the header content-type: application/json, or application/x-ndjson")
}

/// Write down decisions or trades
///
/// One object, an array of them, or one per line as `application/x-ndjson`; in the columns of the
/// table, or in the shapes of its predecessors. The answer is given when they are in the lake for good.
///
/// A decision is known by `decision_id` or `id`, a trade by its status and `trade_id`, or else
/// `order_id`. A document that says the same as one that has landed adds nothing, so a request may be
/// sent again; one that says something else is a revision. All fields are kept, also those that no
/// column has. A document that cannot be accepted does not hold up the others: it is kept as a dead
/// letter, and the answer is 200 all the same, with `refused` above 0. A body that is no JSON is
/// refused as a whole, and kept nowhere; of lines each stands for itself. With several replicas any of
/// them will do.
#[utoipa::path(
    post,
    path = "/v1/ingest/{table}",
    operation_id = "ingestRecords",
    tag = "records",
    params((
        "table" = String, Path, example = "decisions",
        description = "`decisions` or `executions`, or as the table is called in full.",
    )),
    request_body(
        content(
            (Object = "application/json", example = json!({
                "decision_id": "0f3c",
                "asset_pair": "ETH-USD",
                "timestamp": "2024-03-06T11:00:00Z",
                "action": "BUY",
                "confidence": 80,
            })),
            (String = "application/x-ndjson"),
        ),
        description = "One document, or many.",
    ),
    responses(
        (status = 200, description = "What has become of each.", body = Ingested, example = json!({
            "table": "raw_ai_decisions",
            "landed": 1,
            "revised": 0,
            "unchanged": 0,
            "refused": 1,
            "refusals": [{
                "index": 1,
                "expectation": "confidence_in_range",
                "field": "confidence",
                "reason": "0.8 looks like a fraction",
                "fix": "write percent: 80",
                "dead_letter": "dl_e32f3b996a612fb628c13ced677da6ff",
            }],
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn ingest(
    State(app): State<Arc<App>>,
    Into(kind): Into,
    params: Params,
    Documents(documents): Documents,
) -> Result<Json<Ingested>, Problem> {
    params.finish("")?;
    let recorder = app.recorder.clone();
    // What was begun goes on if the caller does not wait for it.
    let work = async move { recorder.accept(kind, documents, &source(kind)).await };
    let fates = tokio::spawn(work).await.map_err(|_| failed())??;
    let mut ingested = Ingested { table: kind.table(), ..Ingested::default() };
    for (index, fate) in fates.into_iter().enumerate() {
        match fate {
            Fate::Landed => ingested.landed += 1,
            Fate::Revised => ingested.revised += 1,
            Fate::Unchanged => ingested.unchanged += 1,
            Fate::Refused { fault, dead_letter } => {
                let (expectation, field) = (fault.expectation, fault.field);
                let (reason, fix) = (fault.reason, fault.fix);
                let refusal = RefusalView { index, expectation, field, reason, fix, dead_letter };
                ingested.refusals.push(refusal);
            }
        }
    }
    ingested.refused = ingested.refusals.len();
    Ok(Json(ingested))
}
