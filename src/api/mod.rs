//! The HTTP control plane: the route table, and the middleware around it.

mod assets;
mod audit;
mod backfills;
mod body;
mod caller;
mod candles;
mod coverage;
mod dead_letters;
mod docs;
mod explain;
mod extract;
mod feeds;
mod findings;
mod freshness;
mod gaps;
mod gate;
mod guard;
mod health;
mod indicators;
mod news;
mod of_path;
mod openapi;
mod problem;
mod providers;
mod replicas;
mod rewind;
mod schedules;
mod series;
mod settings;
mod situation;
mod tagged;
mod why;

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{gate::Peer, problem::Problem};
use crate::{app::App, market::Scope};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route there is, each with its own description; a handler names its path.
fn table() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(open())
        .merge(guard::guarded(Scope::Read, for_readers()))
        .merge(guard::guarded(Scope::Operate, for_operators()))
        .merge(guard::guarded(Scope::Admin, for_admins()))
}

/// For whoever can reach the daemon.
fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::version))
        .routes(routes!(docs::document))
        .routes(routes!(docs::page))
}

/// What asks.
fn for_readers() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(series::list))
        .routes(routes!(series::watermarks))
        .routes(routes!(freshness::list))
        .routes(routes!(candles::list))
        .routes(routes!(coverage::show))
        .routes(routes!(coverage::of_series))
        .routes(routes!(explain::of_series))
        .routes(routes!(gaps::list))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::groups::groups))
        .routes(routes!(dead_letters::show))
        .routes(routes!(dead_letters::raw))
        .routes(routes!(findings::list))
        .routes(routes!(providers::list))
        .routes(routes!(replicas::list))
        .routes(routes!(news::list))
        .routes(routes!(indicators::list))
        .routes(routes!(feeds::list))
        .routes(routes!(assets::list))
        .routes(routes!(schedules::list))
        .routes(routes!(backfills::list))
        .routes(routes!(backfills::show))
        .routes(routes!(backfills::chunks::chunks))
        .routes(routes!(backfills::chunks::jobs))
        .routes(routes!(backfills::events::events))
        .routes(routes!(health::metrics))
}

/// What has work done, held up or given up.
fn for_operators() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(backfills::plan::plan))
        .routes(routes!(backfills::create))
        .routes(routes!(backfills::pause))
        .routes(routes!(backfills::resume))
        .routes(routes!(backfills::cancel))
        .routes(routes!(backfills::retry_failed))
        .routes(routes!(backfills::repair::repair))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(schedules::trigger))
        .routes(routes!(dead_letters::decisions::replay))
        .routes(routes!(dead_letters::decisions::discard))
        .routes(routes!(audit::list))
}

/// What decides about what is kept, and who may ask.
fn for_admins() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(assets::keep, assets::remove))
        .routes(routes!(rewind::rewind_series))
        .routes(routes!(settings::show))
}

/// What `GET /openapi.json` answers.
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::finished(table().into_openapi())
}

pub fn router(app: Arc<App>) -> Router {
    let patience = app.config.server.request_timeout;
    let (routes, _) = table().split_for_parts();
    let routes = routes.fallback(unknown_route).method_not_allowed_fallback(wrong_method);
    let routes = routes
        .layer(DefaultBodyLimit::max(app.config.server.max_body))
        .layer(middleware::from_fn_with_state(app.clone(), gate::pass));
    guarded(routes, patience)
        .layer(middleware::from_fn_with_state(app.clone(), measure))
        .layer(CompressionLayer::new())
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .with_state(app)
}

/// Whatever a route does, the caller gets an answer, and `measure` outside of it gets to count it.
fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>, patience: Duration) -> Router<S> {
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(patience, in_time))
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

async fn in_time(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    let Ok(response) = tokio::time::timeout(patience, next.run(request)).await else {
        return too_slow(patience).into_response();
    };
    response
}

fn too_slow(patience: Duration) -> Problem {
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
fn failed() -> Problem {
    let detail = "the log has the details under this request id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}

async fn unknown_route(uri: Uri) -> Problem {
    let detail = format!("there is no route {}", extract::quoted(uri.path()));
    Problem::new(StatusCode::NOT_FOUND, "unknown_route", detail)
        .fix("GET /openapi.json lists the routes, /docs shows them")
}

async fn wrong_method(request: Request) -> Problem {
    let path = extract::quoted(request.uri().path());
    let detail = format!("{path} does not answer {}", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail)
        .fix("GET /openapi.json lists the methods of every route")
}

#[cfg(test)]
mod tests;
