//! Answers that carry an `ETag`: whoever has one already is told only that it still holds.
//!
//! The mark is a weak one. It stands for everything a caller may act upon, verdicts above all, and not
//! for the instant and the ages, which say nothing new and would make it another one every second; nor
//! for the bytes, which are others where they are compressed.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse, Response},
};

use super::{Problem, failed};
use crate::query::Answer;

/// 304 for whoever names its mark, or else the whole of it.
pub(super) fn respond(answer: Answer, asked: &HeaderMap) -> Response {
    let Answer { body, mark } = answer;
    let is_known = asked.get_all(IF_NONE_MATCH).iter().any(|given| names(given, &mark));
    let mark = HeaderValue::from_str(&mark).unwrap_or_else(|_| HeaderValue::from_static("W/\"\""));
    let marked: [(HeaderName, HeaderValue); 3] = [
        (ETAG, mark),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, marked).into_response();
    }
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (marked, kind, Body::from(body)).into_response()
}

/// Whether a list of marks has this one; strong and weak ones are compared alike.
fn names(given: &HeaderValue, mark: &str) -> bool {
    let bare = |mark: &str| mark.trim().trim_start_matches("W/").to_owned();
    let given = given.to_str().unwrap_or_default();
    given.trim() == "*" || given.split(',').any(|one| bare(one) == bare(mark))
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(unwritten)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
pub(super) fn unwritten(error: serde_json::Error) -> Problem {
    tracing::error!(%error, "an answer cannot be written");
    failed()
}
