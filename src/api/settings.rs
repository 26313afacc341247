//! `GET /v1/config`: the settings in effect.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Problem, extract::Params, openapi::Refused};
use crate::app::App;

/// By section and name, as in `config.toml`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(super) struct Settings(Value);

/// The settings in effect
///
/// The defaults with what the file and the environment say instead, as the daemon read them at its
/// start. What is secret is shown as `***`, or empty where it is not set.
#[utoipa::path(
    get,
    path = "/v1/config",
    operation_id = "showConfig",
    tag = "operations",
    responses(
        (status = 200, description = "Every setting.", body = Settings, example = json!({
            "server": { "bind": "127.0.0.1:8380", "request_timeout": "30s" },
            "providers": { "oanda": { "token": "***" } },
        })),
        Refused,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<Settings>, Problem> {
    params.finish("")?;
    Ok(Json(Settings(app.config.shown.clone())))
}
