//! `GET /v1/dead-letters`: what was refused, why, and the bytes.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State, rejection::PathRejection},
    http::{
        header::{CONTENT_TYPE, HeaderName},
        request::Parts,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    Problem,
    extract::{Params, quoted},
};
use crate::{
    app::App,
    market::Subject,
    store::{DeadLetterFilter, DeadLetterPosition, KeptLetter},
};

#[derive(Debug, Serialize)]
pub(super) struct Page {
    items: Vec<LetterView>,
    /// Give it as `cursor` to read on; absent on the last page.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct LetterView {
    id: String,
    /// Or the feed.
    series: Subject,
    open_time: Option<DateTime<Utc>>,
    expectation: String,
    detail: String,
    source: String,
    extracted_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    times_seen: i64,
    /// The bytes as text, if they are UTF-8. Only when one letter is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<Page>, Problem> {
    let filter = DeadLetterFilter {
        subject: params.get("series")?,
        expectation: params.text("expectation").map(expectation).transpose()?,
        after: params.text("cursor").map(|cursor| read_cursor(&cursor)).transpose()?,
    };
    let limit = params.limit(1_000)?.unwrap_or(100);
    params.finish("series, expectation, cursor, limit")?;
    let mut letters = app.store.dead_letters(&filter, limit + 1).await?;
    let has_more = letters.len() > limit as usize;
    letters.truncate(limit as usize);
    let next = letters.last().filter(|_| has_more).map(cursor);
    Ok(Json(Page { items: letters.into_iter().map(view).collect(), next }))
}

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
        let id = Path::<String>::from_request_parts(parts, state).await;
        let refused = |error: PathRejection| {
            Problem::invalid("id", error.body_text(), "GET /v1/dead-letters lists the ids")
        };
        id.map(|Path(id)| Self(id)).map_err(refused)
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

async fn find(app: &App, id: &str) -> Result<KeptLetter, Problem> {
    let unknown = || Problem::not_found("such dead letter", "GET /v1/dead-letters lists them");
    app.store.dead_letter(id).await?.ok_or_else(unknown)
}

fn view(kept: KeptLetter) -> LetterView {
    let KeptLetter { letter, last_seen_at, times_seen } = kept;
    LetterView {
        id: letter.id,
        series: letter.subject,
        open_time: letter.open_time,
        expectation: letter.expectation,
        detail: letter.detail,
        source: letter.source,
        extracted_at: letter.extracted_at,
        last_seen_at,
        times_seen,
        raw: None,
        raw_base64: None,
    }
}

fn cursor(kept: &KeptLetter) -> String {
    format!("{}.{}", kept.letter.extracted_at.timestamp_micros(), kept.letter.id)
}

fn read_cursor(text: &str) -> Result<DeadLetterPosition, Problem> {
    let refused = || {
        let detail = format!("cursor {} is not one of ours", quoted(text));
        Problem::invalid("cursor", detail, "use the `next` of the page before")
    };
    let (micros, id) = text.split_once(".dl_").ok_or_else(refused)?;
    let micros: i64 = micros.parse().map_err(|_| refused())?;
    let extracted_at = DateTime::from_timestamp_micros(micros).ok_or_else(refused)?;
    Ok(DeadLetterPosition { extracted_at, id: format!("dl_{id}") })
}
