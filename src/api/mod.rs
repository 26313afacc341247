//! The HTTP control plane: the route table, and the middleware around it.

mod around;
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
mod features;
mod feeds;
mod findings;
mod format;
mod freshness;
mod front;
mod gaps;
mod gate;
mod guard;
mod health;
mod idempotency;
mod indicators;
mod models;
mod news;
mod of_path;
mod openapi;
mod problem;
mod providers;
mod pulse;
mod quality;
mod records;
mod replicas;
mod rewind;
mod schedules;
mod series;
mod settings;
mod situation;
mod sql;
mod tables;
mod tagged;
mod verify;
mod why;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{StatusCode, Uri},
    middleware,
};
use tower::ServiceBuilder;
use tower_http::{CompressionLevel, compression::CompressionLayer};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::around::{REQUEST_ID, failed};
pub use self::{front::Front, gate::Peer, problem::Problem};
use crate::{app::App, market::Scope};

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
        .routes(routes!(docs::models))
}

/// What asks.
fn for_readers() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(series::list))
        .routes(routes!(series::watermarks))
        .routes(routes!(freshness::list))
        .routes(routes!(pulse::show))
        .routes(routes!(candles::list))
        .routes(routes!(sql::ask))
        .routes(routes!(features::of_moments))
        .routes(routes!(coverage::show))
        .routes(routes!(coverage::of_series))
        .routes(routes!(explain::of_series))
        .routes(routes!(gaps::list))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::groups::groups))
        .routes(routes!(dead_letters::show))
        .routes(routes!(dead_letters::raw))
        .routes(routes!(findings::list))
        .routes(routes!(quality::show))
        .routes(routes!(providers::list))
        .routes(routes!(replicas::list))
        .routes(routes!(news::list))
        .routes(routes!(indicators::list))
        .routes(routes!(feeds::list))
        .routes(routes!(records::decisions::list))
        .routes(routes!(records::executions::list))
        .routes(routes!(assets::list))
        .routes(routes!(schedules::list))
        .routes(routes!(backfills::list))
        .routes(routes!(backfills::show))
        .routes(routes!(backfills::chunks::chunks))
        .routes(routes!(backfills::chunks::jobs))
        .routes(routes!(backfills::events::events))
        .routes(routes!(models::list))
        .routes(routes!(models::show))
        .routes(routes!(models::builds::list))
        .routes(routes!(models::lineage::show))
        .routes(routes!(tables::list))
        .routes(routes!(tables::history::list))
        .routes(routes!(tables::definition::show))
        .routes(routes!(health::metrics))
}

/// What has work done, held up or given up.
fn for_operators() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(records::ingest::ingest))
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
        .routes(routes!(verify::verify))
        .routes(routes!(models::commands::build))
        .routes(routes!(models::commands::test))
        .routes(routes!(tables::commands::optimize))
        .routes(routes!(tables::definition::create))
        .routes(routes!(tables::rows::write))
        .routes(routes!(audit::list))
}

/// What decides about what is kept, and who may ask.
fn for_admins() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(assets::keep, assets::remove))
        .routes(routes!(rewind::rewind_series))
        .routes(routes!(tables::commands::vacuum))
        .routes(routes!(settings::show))
}

/// What `GET /openapi.json` answers.
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::finished(table().into_openapi())
}

/// What the daemon answers with.
pub fn service(app: Arc<App>) -> Front {
    Front { routes: router(app.clone()), app }
}

fn router(app: Arc<App>) -> Router {
    let (routes, _) = table().split_for_parts();
    let routes = routes.fallback(unknown_route).method_not_allowed_fallback(wrong_method);
    // As one layer: each by itself would be boxed, and cloned for every request.
    let layers = ServiceBuilder::new()
        // More packing takes longer than the rest of an answer.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn_with_state(app.clone(), around::pass))
        .layer(DefaultBodyLimit::max(app.config.server.max_body));
    routes.layer(layers).with_state(app)
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
