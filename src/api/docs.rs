//! `GET /openapi.json`, `GET /docs` and `GET /docs/models`: what the API says of itself, to programs and to
//! people.
//!
//! The page is our own: crates that embed a ready-made one load its script from another server or
//! download it while they are built, and neither works offline.

use axum::{
    http::{
        HeaderName,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::Html,
};
use bytes::Bytes;

use super::{Problem, extract::Params, openapi, openapi::Refused};

/// One document, so that a browser asks once.
fn page_of(body: &str, script: &str) -> Page {
    let parts = [
        include_str!("docs/head.html"),
        "<style>\n",
        include_str!("docs/style.css"),
        "</style>\n",
        body,
        "<script type=\"module\">\n",
        include_str!("docs/elements.js"),
        script,
        "</script>\n</html>\n",
    ];
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(parts.concat()))
}

type Page = ([(HeaderName, &'static str); 1], Html<String>);

/// The page runs its own script and talks to this server, and to nobody else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// This description
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "showOpenApi",
    tag = "operations",
    responses(
        (status = 200, description = "OpenAPI 3.1.", body = Object, example = json!({
            "openapi": "3.1.0",
            "info": { "title": "Barkeep", "version": "0.1.0" },
            "paths": {},
        })),
        Refused,
    )
)]
pub(super) async fn document(
    params: Params,
) -> Result<([(HeaderName, &'static str); 1], Bytes), Problem> {
    params.finish("")?;
    Ok(([(CONTENT_TYPE, "application/json")], openapi::text()))
}

/// This description, to be read and tried in a browser
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "showDocs",
    tag = "operations",
    responses((
        status = 200,
        description = "A page that needs nothing but this server.",
        body = String,
        content_type = "text/html",
        example = "<!doctype html>"
    )),
)]
pub(super) async fn page() -> Page {
    const SCRIPT: &str = concat!(include_str!("docs/render.js"), include_str!("docs/schema.js"));
    page_of(include_str!("docs/body.html"), SCRIPT)
}

/// The tables that are made of others, to be read in a browser
///
/// What a row is, the columns, the tests and the SQL of each.
#[utoipa::path(
    get,
    path = "/docs/models",
    operation_id = "showModelDocs",
    tag = "operations",
    responses((
        status = 200,
        description = "A page that needs nothing but this server.",
        body = String,
        content_type = "text/html",
        example = "<!doctype html>"
    )),
)]
pub(super) async fn models() -> Page {
    page_of(include_str!("docs/models.html"), include_str!("docs/models.js"))
}
