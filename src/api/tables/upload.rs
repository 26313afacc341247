//! A body of rows: which form it has, and all of its bytes.

use std::sync::Arc;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{StatusCode, header::CONTENT_TYPE},
};

use super::super::{Problem, body::too_slow, gate::too_long};
use crate::{app::App, formats::Format};

/// Rows as they came, all of them in memory.
pub(in crate::api) struct Upload {
    pub(in crate::api) format: Format,
    pub(in crate::api) body: Bytes,
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default();
        let format =
            Format::ALL.into_iter().find(|format| !kind.contains('*') && format.is_taken(kind));
        let format = format.ok_or_else(unknown_form)?;
        let most = app.config.server.max_rows_body;
        let patience = app.config.server.request_timeout / 2;
        let body = tokio::time::timeout(patience, to_bytes(request.into_body(), most)).await;
        // A body that breaks off has nobody who could read the answer.
        let body = body.map_err(|_| too_slow(patience))?;
        let body = body.map_err(|_| too_long(most, "server.max_rows_body"))?;
        Ok(Self { format, body })
    }
}

fn unknown_form() -> Problem {
    let kinds = Format::ALL.map(Format::media_type).join(", ");
    let detail = "the body is not said to be rows of a form that is read here";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_form", detail)
        .fix(&format!("add the header content-type with one of: {kinds}"))
}
