//! `GET /v1/dead-letters`: what was refused, why, and the bytes.

pub(super) mod decisions;
pub(super) mod groups;

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{
        header::{CONTENT_TYPE, HeaderName},
        request::Parts,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, cursor, name_in_path, page, quoted, read_cursor},
    openapi::{LetterFilter, Limit, NotFound, Octets, Refused, Unavailable},
};
use crate::{
    app::App,
    market::Subject,
    store::{DeadLetterFilter, DeadLetterPosition, KeptLetter, LetterState},
};

/// Letters in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

const ID: &str = "As `GET /v1/dead-letters` lists it.";

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// Newest first.
    items: Vec<LetterView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LetterView {
    /// The same for the same bytes of the same series, refused for the same.
    id: String,
    /// Or the feed.
    series: Subject,
    /// Of the candle, where one can be made out.
    #[schema(required)]
    open_time: Option<DateTime<Utc>>,
    /// What was not met, a word like `high_not_below_low`.
    expectation: String,
    /// How it was not met.
    detail: String,
    /// The name of its group: letters that differ in nothing but values.
    fingerprint: String,
    /// Whether somebody has decided about it.
    state: LetterState,
    /// When that was decided; null while it is open.
    #[schema(required)]
    resolved_at: Option<DateTime<Utc>>,
    /// Who decided it.
    #[schema(required)]
    resolved_by: Option<String>,
    /// Why, if that was said.
    #[schema(required)]
    reason: Option<String>,
    /// When it was last judged again in vain; null if it never was.
    #[schema(required)]
    tried_at: Option<DateTime<Utc>>,
    /// Why it was refused then.
    #[schema(required)]
    tried_detail: Option<String>,
    /// The request or the file it came from.
    source: String,
    /// When it was first received.
    extracted_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    times_seen: i64,
    /// The bytes as text, if they are UTF-8. Only when one letter is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    raw: Option<String>,
    /// The bytes. Only when one letter is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    raw_base64: Option<String>,
}

/// What was refused
///
/// Rows and answers that cannot be accepted, newest first, page by page; those that are open, unless
/// another state is asked for.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    operation_id = "listDeadLetters",
    tag = "quality",
    params(LetterFilter, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "A page of letters.", body = Page, example = json!({
            "items": [{
                "id": "dl_e32f3b996a612fb628c13ced677da6ff",
                "series": "coinbase/BTCUSD/1m",
                "open_time": "2024-03-06T08:49:00Z",
                "expectation": "high_not_below_low",
                "detail": "high 93591.37 is below low 93591.38",
                "fingerprint": "coinbase.high_not_below_low.3bd8ae5b0c4f",
                "state": "open",
                "resolved_at": null,
                "resolved_by": null,
                "reason": null,
                "tried_at": null,
                "tried_detail": null,
                "source": "GET /products/BTC-USD/candles?granularity=60",
                "extracted_at": "2024-03-06T12:00:30Z",
                "last_seen_at": "2024-03-06T12:00:30Z",
                "times_seen": 1,
            }],
            "next": null,
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<Page>, Problem> {
    let filter = DeadLetterFilter {
        state: state(&mut params)?,
        subject: params.get("series")?,
        expectation: params.text("expectation").map(expectation).transpose()?,
        fingerprint: params.text("fingerprint").map(fingerprint).transpose()?,
        after: params.text("cursor").map(|text| position(&text)).transpose()?,
    };
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("series, expectation, fingerprint, state, cursor, limit")?;
    let letters = app.store.dead_letters(&filter, limit + 1).await?;
    let (letters, next) = page(letters, limit, |kept| place(&kept.position()));
    Ok(Json(Page { items: letters.into_iter().map(view).collect(), next }))
}

/// One dead letter, with its bytes
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{id}",
    operation_id = "showDeadLetter",
    tag = "quality",
    params(("id" = String, Path, description = ID, example = "dl_e32f3b996a612fb628c13ced677da6ff")),
    responses(
        (status = 200, description = "The letter.", body = LetterView, example = json!({
            "id": "dl_e32f3b996a612fb628c13ced677da6ff",
            "series": "coinbase/BTCUSD/1m",
            "open_time": "2024-03-06T08:49:00Z",
            "expectation": "high_not_below_low",
            "detail": "high 93591.37 is below low 93591.38",
            "fingerprint": "coinbase.high_not_below_low.3bd8ae5b0c4f",
            "state": "open",
            "resolved_at": null,
            "resolved_by": null,
            "reason": null,
            "tried_at": null,
            "tried_detail": null,
            "source": "GET /products/BTC-USD/candles?granularity=60",
            "extracted_at": "2024-03-06T12:00:30Z",
            "last_seen_at": "2024-03-06T12:00:30Z",
            "times_seen": 1,
            "raw": "[1709714940,93591.38,93591.37,93591.51,93624.02,0.15945138]",
            "raw_base64": "WzE3MDk3MTQ5NDAsOTM1OTEuMzgsOTM1OTEuMzcsOTM1OTEuNTEsOTM2MjQuMDIsMC4xNTk0NTEzOF0=",
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    LetterId(id): LetterId,
    params: Params,
) -> Result<Json<LetterView>, Problem> {
    params.finish("")?;
    let kept = find(&app, &id).await?;
    let bytes = kept.letter.raw.clone();
    let raw = String::from_utf8(bytes.to_vec()).ok();
    Ok(Json(LetterView { raw, raw_base64: Some(STANDARD.encode(&bytes)), ..view(kept) }))
}

/// The bytes of a dead letter
///
/// As they came, of whatever kind they are.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{id}/raw",
    operation_id = "showDeadLetterRaw",
    tag = "quality",
    params(("id" = String, Path, description = ID, example = "dl_e32f3b996a612fb628c13ced677da6ff")),
    responses(
        (
            status = 200,
            description = "The bytes.",
            body = inline(Octets),
            content_type = "application/octet-stream",
            example = "[1709714940,93591.38,93591.37,93591.51,93624.02,0.15945138]"
        ),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn raw(
    State(app): State<Arc<App>>,
    LetterId(id): LetterId,
    params: Params,
) -> Result<([(HeaderName, &'static str); 1], Bytes), Problem> {
    params.finish("")?;
    let kept = find(&app, &id).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], kept.letter.raw))
}

/// The `{id}` of a path; whether there is such a letter, the store knows.
pub(super) struct LetterId(String);

impl<S: Send + Sync> FromRequestParts<S> for LetterId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let fix = "GET /v1/dead-letters lists the ids";
        name_in_path(parts, state, "id", fix).await.map(Self)
    }
}

/// Names of expectations are words; anything else would match nothing, and say so to nobody.
fn expectation(name: String) -> Result<String, Problem> {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    if !name.is_empty() && name.chars().all(is_word) {
        return Ok(name);
    }
    let detail = format!("expectation {} is not valid", quoted(&name));
    Err(Problem::invalid("expectation", detail, "write a name like on_grid, as letters carry it"))
}

/// Names of groups are made of words and digits.
fn fingerprint(name: String) -> Result<String, Problem> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    if name.matches('.').count() == 2 && name.chars().all(is_part) {
        return Ok(name);
    }
    let detail = format!("fingerprint {} is not valid", quoted(&name));
    let fix = "write one as GET /v1/dead-letters/groups lists them";
    Err(Problem::invalid("fingerprint", detail, fix))
}

fn state(params: &mut Params) -> Result<LetterState, Problem> {
    let state = params.one_of("state", &LetterState::ALL, LetterState::as_str)?;
    Ok(state.unwrap_or_default())
}

async fn find(app: &App, id: &str) -> Result<KeptLetter, Problem> {
    let unknown = || Problem::not_found("such dead letter", "GET /v1/dead-letters lists them");
    app.store.dead_letter(id).await?.ok_or_else(unknown)
}

fn view(kept: KeptLetter) -> LetterView {
    let KeptLetter { letter, fingerprint, last_seen_at, times_seen, state, .. } = kept;
    let (tried_at, tried_detail) = kept.tried.unzip();
    let (resolved_at, resolved_by, reason) = match kept.resolution {
        Some(resolved) => (Some(resolved.at), Some(resolved.by), resolved.reason),
        None => (None, None, None),
    };
    LetterView {
        id: letter.id,
        series: letter.subject,
        open_time: letter.open_time,
        expectation: letter.expectation,
        detail: letter.detail,
        fingerprint,
        state,
        resolved_at,
        resolved_by,
        reason,
        tried_at,
        tried_detail,
        source: letter.source,
        extracted_at: letter.extracted_at,
        last_seen_at,
        times_seen,
        raw: None,
        raw_base64: None,
    }
}

fn place(position: &DeadLetterPosition) -> String {
    cursor(position.extracted_at, &position.id)
}

fn position(text: &str) -> Result<DeadLetterPosition, Problem> {
    let (extracted_at, id) = read_cursor(text, "dl_")?;
    Ok(DeadLetterPosition { extracted_at, id })
}
