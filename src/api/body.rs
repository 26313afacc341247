//! The JSON body of a command, read so that whatever is wrong with it is said of the field it is in.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use serde::de::DeserializeOwned;

use super::Problem;

/// A body of `application/json`. Types that are read with it deny unknown fields.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A page of another site may send anything but this without asking first.
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let bytes = read(request, state).await?;
        // A list would do for the types that are read here, and mean something else.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            let detail = "the body is no JSON object";
            return Err(Problem::invalid("body", detail, "write { and }, with the fields between"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "body".to_owned() } else { path };
            let is_time = ["start", "end", "to", "as_of"].contains(&&*field);
            Problem::invalid(
                field,
                error.into_inner().to_string(),
                if is_time { TIME } else { FIX },
            )
        })?;
        let ended = json.end().map_err(|error| Problem::invalid("body", error.to_string(), FIX));
        ended.map(|()| Self(read))
    }
}

const TIME: &str = "write RFC 3339 with an offset: 2024-05-01T00:00:00Z";
const FIX: &str = "GET /openapi.json describes the body of every route, /docs shows it";

/// How long the body may take to arrive; the answer is given more.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body. Fails if it is too long or does not arrive.
pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let bytes = tokio::time::timeout(PATIENCE, Bytes::from_request(request, state)).await;
    bytes.map_err(|_| too_slow(PATIENCE))?.map_err(|error| unread(&error))
}

pub(super) fn too_slow(patience: Duration) -> Problem {
    let detail = format!("the body did not arrive within {patience:?}");
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail).fix("send it again")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn unread(error: &BytesRejection) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(error.body_text()),
        status => Problem::new(status, "unreadable_body", error.body_text()).fix("send it again"),
    }
}

pub(super) fn not_json() -> Problem {
    let detail = "the body is not said to be JSON";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail)
        .fix("add the header content-type: application/json")
}

pub(super) fn too_large(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).fix("send less at once")
}
