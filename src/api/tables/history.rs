//! `GET /v1/tables/{name}/history`: the commits of a table.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        extract::{Params, page, read_place},
        openapi::{Limit, NotFound, Refused, Unavailable, VersionCursor},
    },
    Named,
};
use crate::{app::App, lake::Change, market::Subject};

/// Commits in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct History {
    /// Newest first.
    items: Vec<CommitView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Commit)]
struct CommitView {
    /// Of the table from this commit on.
    #[schema(minimum = 0)]
    version: u64,
    /// By the clock of the machine that committed; null if it did not say.
    #[schema(required)]
    at: Option<DateTime<Utc>>,
    /// As Delta calls it: `WRITE`, `OPTIMIZE`, `CREATE TABLE`; what strangers do has other names.
    operation: String,
    /// Data files that it brought.
    #[schema(minimum = 0)]
    files_added: u64,
    /// Data files that the table has lost with it; they stay on the disk for a while.
    #[schema(minimum = 0)]
    files_removed: u64,
    /// Rows that came with it. Merging files adds none.
    #[schema(minimum = 0)]
    rows: u64,
    /// Whose rows, or facts about candles, it carried.
    landings: Vec<LandingView>,
    /// Who wrote rows and the `Idempotency-Key` that came with them; null if none did.
    #[schema(required)]
    request: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Landing)]
struct LandingView {
    /// A series or a feed.
    series: Subject,
    /// Counts its landings; none is in the log twice.
    #[schema(minimum = 1)]
    landing: i64,
}

/// The commits of a table
///
/// Newest first, as far back as the log reaches: what each added and removed, and whose rows it
/// carried.
#[utoipa::path(
    get,
    path = "/v1/tables/{name}/history",
    operation_id = "listTableHistory",
    tag = "operations",
    params(
        ("name" = String, Path, description = "Of the table.", example = "raw_market_data_1m"),
        VersionCursor,
        Limit<MOST, USUAL>,
    ),
    responses(
        (status = 200, description = "A page of commits.", body = History, example = json!({
            "items": [{
                "version": 20163,
                "at": "2024-03-06T12:00:30.25Z",
                "operation": "WRITE",
                "files_added": 1,
                "files_removed": 0,
                "rows": 2,
                "landings": [
                    { "series": "coinbase/BTCUSD/1m", "landing": 9841 },
                    { "series": "coinbase/ETHUSD/1m", "landing": 9838 },
                ],
                "request": null,
            }],
            "next": "v.20163",
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn list(
    State(_): State<Arc<App>>,
    Named(table): Named,
    mut params: Params,
) -> Result<Json<History>, Problem> {
    let before = params.text("cursor").map(|text| read(&text)).transpose()?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("cursor, limit")?;
    let changes = table.history(before, limit as usize + 1).await?;
    let (changes, next) = page(changes, limit, |change| format!("v.{}", change.version));
    Ok(Json(History { items: changes.into_iter().map(view).collect(), next }))
}

/// The version before which it goes on.
fn read(cursor: &str) -> Result<u64, Problem> {
    read_place(cursor, |kind, version| {
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
        version.parse().ok().filter(|_| kind == "v" && is_number)
    })
}

fn view(change: Change) -> CommitView {
    let landings = change.content.into_iter();
    CommitView {
        version: change.version,
        at: change.at,
        operation: change.operation,
        files_added: change.files_added,
        files_removed: change.files_removed,
        rows: change.rows,
        landings: landings
            .map(|one| LandingView { series: one.subject, landing: one.landing })
            .collect(),
        request: change.request,
    }
}
