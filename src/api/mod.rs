//! The HTTP control plane: the route table, and the middleware around it.

mod candles;
mod coverage;
mod dead_letters;
mod extract;
mod freshness;
mod health;
mod problem;
mod series;

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, StatusCode, Uri},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

pub use self::problem::Problem;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route there is.
pub fn router(app: Arc<App>) -> Router {
    let patience = app.config.server.request_timeout;
    Router::new()
        .route("/v1/series", get(series::list))
        .route("/v1/watermarks", get(series::watermarks))
        .route("/v1/freshness", get(freshness::list))
        .route("/v1/candles", get(candles::list))
        .route("/v1/coverage", get(coverage::show))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/{id}", get(dead_letters::show))
        .route("/v1/dead-letters/{id}/raw", get(dead_letters::raw))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/version", get(health::version))
        .route("/metrics", get(health::metrics))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), measure))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, patience))
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new())
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .with_state(app)
}

/// One span per request; queries may one day carry secrets, so only the path is named.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or("");
    let path = request.uri().path();
    tracing::info_span!("request", request.id = id, method = %request.method(), path)
}

async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    let began = Instant::now();
    let response = next.run(request).await;
    let seconds = began.elapsed().as_secs_f64();
    app.metrics.http_request_seconds.with_label_values(&[route]).observe(seconds);
    let status = response.status();
    app.metrics.http_requests.with_label_values(&[route, status.as_str()]).inc();
    response
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_route", format!("there is no {}", uri.path()))
        .fix("see the README for the list of routes")
}

async fn wrong_method(request: Request) -> Problem {
    let detail = format!("{} does not answer {}", request.uri().path(), request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail).fix("use GET")
}
