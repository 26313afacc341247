//! `GET /v1/dead-letters`: what was refused, why, and the bytes.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::header::{CONTENT_TYPE, HeaderName},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Problem, extract::Params};
use crate::{
    app::App,
    market::Series,
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
    series: Series,
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
        series: params.get("series", "write provider/asset/timeframe")?,
        expectation: params.text("expectation"),
        after: params.text("cursor").map(|cursor| read_cursor(&cursor)).transpose()?,
    };
    let limit = params.limit(100, 1_000)?;
    params.finish("series, expectation, cursor, limit")?;
    let mut letters = app.store.dead_letters(&filter, limit + 1).await?;
    let has_more = letters.len() > limit as usize;
    letters.truncate(limit as usize);
    let next = letters.last().filter(|_| has_more).map(cursor);
    Ok(Json(Page { items: letters.into_iter().map(view).collect(), next }))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<LetterView>, Problem> {
    let kept = find(&app, &id).await?;
    let bytes = kept.letter.raw.clone();
    let raw = String::from_utf8(bytes.to_vec()).ok();
    Ok(Json(LetterView { raw, raw_base64: Some(STANDARD.encode(&bytes)), ..view(kept) }))
}

pub(super) async fn raw(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<([(HeaderName, &'static str); 1], Bytes), Problem> {
    let kept = find(&app, &id).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], kept.letter.raw))
}

async fn find(app: &App, id: &str) -> Result<KeptLetter, Problem> {
    let unknown = || Problem::not_found("such dead letter", "GET /v1/dead-letters lists them");
    app.store.dead_letter(id).await?.ok_or_else(unknown)
}

fn view(kept: KeptLetter) -> LetterView {
    let KeptLetter { letter, last_seen_at, times_seen } = kept;
    LetterView {
        id: letter.id,
        series: letter.series,
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
        let detail = format!("cursor {text:?} is not one of ours");
        Problem::invalid("cursor", detail, "use the `next` of the page before")
    };
    let (micros, id) = text.split_once('.').ok_or_else(refused)?;
    let micros: i64 = micros.parse().map_err(|_| refused())?;
    let extracted_at = DateTime::from_timestamp_micros(micros).ok_or_else(refused)?;
    Ok(DeadLetterPosition { extracted_at, id: id.to_owned() })
}
