//! What is done around every request: it has an id and a span, an answer in time whatever a route
//! does, and is counted.
//!
//! One function instead of a layer for each: layers box and clone what they wrap, which together
//! took longer than an answer from memory does (`cargo bench -- freshness`).

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::{Instrument, Span};

use super::{Problem, gate};
use crate::app::App;

/// Given by the caller, or else made up; it is in the answer, the log and the audit log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn pass(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id = name(&mut request);
    let span = span(&request, &id);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = async {
        match gate::admitted(&app, request).await {
            Ok(request) => next.run(request).await,
            Err(refused) => refused,
        }
    };
    let answer = in_time(app.config.server.request_timeout, answer);
    let mut response = answer.instrument(span).await;
    response.headers_mut().entry(REQUEST_ID).or_insert(id);
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    count(&app, route, began.elapsed(), response.status());
    response
}

/// The id that the request has from now on.
pub(super) fn name(request: &mut Request) -> HeaderValue {
    let new = || {
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        HeaderValue::from_str(id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    };
    if let Some(given) = request.headers().get(REQUEST_ID) {
        return given.clone();
    }
    let id = new().unwrap_or_else(|_| HeaderValue::from_static(""));
    request.headers_mut().insert(REQUEST_ID, id.clone());
    id
}

/// One span per request; queries may one day carry secrets, so only the path is named.
fn span(request: &Request, id: &HeaderValue) -> Span {
    let (id, path) = (id.to_str().unwrap_or_default(), request.uri().path());
    tracing::info_span!("request", request.id = id, method = %request.method(), path)
}

/// Whatever a route does, the caller gets an answer.
pub(super) async fn in_time(
    patience: Duration,
    answer: impl Future<Output = Response>,
) -> Response {
    match tokio::time::timeout(patience, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(panic),
        Err(_) => too_slow(patience).into_response(),
    }
}

pub(super) fn too_slow(patience: Duration) -> Problem {
    let detail = format!("the answer took longer than {patience:?}");
    let problem = Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail);
    problem.fix("ask for a smaller window, or try again")
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast::<String>().map(|text| *text);
    let said = text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()));
    let said = said.unwrap_or_default();
    tracing::error!(panic = said, "a request panicked");
    failed().into_response()
}

/// The log says more; a caller must not learn of the inside.
pub(super) fn failed() -> Problem {
    let detail = "the log has the details under this request id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}

pub(super) fn count(app: &App, route: &str, took: Duration, status: StatusCode) {
    app.metrics.http_request_seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    app.metrics.http_requests.with_label_values(&[route, status.as_str()]).inc();
}
