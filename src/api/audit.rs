//! `GET /v1/audit`: who had what done.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, cursor, page, quoted, read_cursor},
    openapi::{self, Limit, Refused, Unavailable},
};
use crate::{
    app::App,
    store::{AuditEntry, AuditFilter},
};

/// Entries in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditPage {
    /// Newest first.
    items: Vec<AuditView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditView {
    /// Of this entry.
    id: String,
    /// When it was done.
    at: DateTime<Utc>,
    /// The name of an API key; or `local`, `command line`, `schedule`.
    actor: String,
    /// As in `x-request-id` and the log; empty outside of a request.
    request_id: String,
    /// A stable word.
    command: String,
    /// What it was about.
    target: String,
    /// What was asked for, and why if that was said.
    #[schema(value_type = Object)]
    detail: Value,
}

/// Who had what done
///
/// Every command that changed something, newest first, page by page.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "listAudit",
    tag = "operations",
    params(openapi::AuditFilter, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "A page of entries.", body = AuditPage, example = json!({
            "items": [{
                "id": "au_0190f1c2a4b57000b3b4c5d6e7f80910",
                "at": "2024-03-06T12:00:30Z",
                "actor": "command line",
                "request_id": "",
                "command": "key.create",
                "target": "grafana",
                "detail": { "scope": "read", "expires_at": null },
            }],
            "next": null,
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<AuditPage>, Problem> {
    let filter = AuditFilter {
        actor: word(&mut params, "actor", "write the name of a key, local or command line")?,
        command: word(&mut params, "command", "write a word like key.create")?,
        target: word(&mut params, "target", "write an id, a series or an asset")?,
        after: params.text("cursor").map(|text| read_cursor(&text, "au_")).transpose()?,
    };
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("actor, command, target, cursor, limit")?;
    let entries = app.store.audit(&filter, limit + 1).await?;
    let (entries, next) = page(entries, limit, |entry| cursor(entry.at, &entry.id));
    Ok(Json(AuditPage { items: entries.into_iter().map(view).collect(), next }))
}

/// What no entry can have would match nothing, and say so to nobody.
fn word(params: &mut Params, field: &'static str, fix: &str) -> Result<Option<String>, Problem> {
    let Some(text) = params.text(field) else { return Ok(None) };
    let is_printed = |c: char| matches!(c, ' '..='~');
    if (1..=200).contains(&text.len()) && text.chars().all(is_printed) {
        return Ok(Some(text));
    }
    let detail = format!("{field} {} is not valid", quoted(&text));
    Err(Problem::invalid(field, detail, fix))
}

fn view(entry: AuditEntry) -> AuditView {
    let AuditEntry { id, at, by, command, target, detail } = entry;
    AuditView { id, at, actor: by.actor, request_id: by.request, command, target, detail }
}
