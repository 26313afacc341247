//! The series that a path names by its three parts.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path, rejection::PathRejection},
    http::request::Parts,
};

use super::{
    Problem,
    extract::{find, unreadable},
};
use crate::{app::App, ingest::Book, market::Series};

/// `{provider}/{asset}/{timeframe}` of a path; whether there is such a series, the books know.
#[derive(Debug)]
pub(super) struct OfPath(pub(super) Series);

impl OfPath {
    pub(super) fn book(&self, app: &App) -> Result<Arc<Book>, Problem> {
        find(app, &self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parts = Path::<(String, String, String)>::from_request_parts(parts, state).await;
        let refused = |error: PathRejection| {
            Problem::invalid("series", error.body_text(), "GET /v1/series lists the series")
        };
        let Path((provider, asset, timeframe)) = parts.map_err(refused)?;
        let name = format!("{provider}/{asset}/{timeframe}");
        name.parse().map(Self).map_err(|error| unreadable("series", &error))
    }
}
