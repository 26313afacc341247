//! `POST /v1/tables/{name}/vacuum` and `/optimize`: what the lake does by itself, done now.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Handle;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        body::Body,
        caller::Caller,
        extract::Params,
        failed,
        openapi::{NotFound, Refused, Unavailable, UnderWay},
        why::Why,
    },
    Named,
};
use crate::{app::App, lake::Table, market::By, store::AuditEntry};

/// Whether to remove anything, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Vacuum {
    /// Only says what would be removed.
    #[serde(default)]
    dry_run: bool,
    /// For whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

/// Files that nobody needs any more.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Vacuumed {
    /// Of which files are told.
    table: String,
    /// They are there still.
    dry_run: bool,
    /// How many there are, or were.
    #[schema(minimum = 0)]
    files: u64,
    /// What they take, or took.
    #[schema(minimum = 0)]
    bytes: u64,
    /// The oldest of them, below the table's folder.
    #[schema(max_items = 100)]
    names: Vec<String>,
}

/// How thoroughly files are merged, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Optimize {
    /// Write every file anew, in order, so that no two files of a partition overlap in what the table is
    /// sorted by. Otherwise only files below the target size are merged.
    #[serde(default)]
    rewrite: bool,
    /// For whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

/// What merging has come to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Optimized {
    /// Whose files were merged.
    table: String,
    /// Otherwise it goes on, and what is told is how far it is.
    is_done: bool,
    /// Data files of the newest version before.
    #[schema(minimum = 0)]
    files_before: u64,
    /// And afterwards.
    #[schema(minimum = 0)]
    files_after: u64,
    /// What they took.
    #[schema(minimum = 0)]
    bytes_before: u64,
    /// What they take now. The disk has the former files too, for those who read older versions.
    #[schema(minimum = 0)]
    bytes_after: u64,
}

/// Remove files that nobody needs
///
/// Data files to which no version refers that can still be read, and that are older than
/// `lake.file_retention`: of versions that have left the log, and of writes that a crash has cut
/// short. It happens by itself once a day (the schedule `maintain`). A dry run removes nothing. It
/// goes on if the answer is not waited for.
#[utoipa::path(
    post,
    path = "/v1/tables/{name}/vacuum",
    operation_id = "vacuumTable",
    tag = "operations",
    params(("name" = String, Path, description = "Of the table.", example = "raw_market_data_1m")),
    request_body(content = Vacuum, example = json!({ "dry_run": true })),
    responses(
        (status = 200, description = "What is removed.", body = Vacuumed, example = json!({
            "table": "raw_market_data_1m",
            "dry_run": true,
            "files": 1,
            "bytes": 4193,
            "names": ["date=2024-03-01/part-00001-5dcf1ba5-1a4e-4d2e-a3a6-0f2b7cbb3f06-c000.zstd.parquet"],
        })),
        UnderWay,
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn vacuum(
    State(app): State<Arc<App>>,
    Named(table): Named,
    Caller(by): Caller,
    params: Params,
    Body(asked): Body<Vacuum>,
) -> Result<Json<Vacuumed>, Problem> {
    params.finish("")?;
    let Vacuum { dry_run, reason } = asked;
    if !dry_run {
        note(&app, &table, "table.vacuum", (reason.into_said(), &by)).await?;
    }
    let name = table.name().to_owned();
    let (found, names) = see_through(&app, async move { table.vacuum(dry_run).await }).await??;
    let (files, bytes) = (found.files, found.bytes);
    if !dry_run {
        tracing::info!(table = name, files, bytes, by = by.actor, "removed files of nobody");
    }
    Ok(Json(Vacuumed { table: name, dry_run, files, bytes, names }))
}

/// Merge the small files of a table
///
/// All of every partition, however few they are, up to `lake.target_file_mib`; no row is changed. With
/// `rewrite` the rows of each partition are put in order over all of its files. It goes on if it takes longer than the answer, and beside landings, which may add files meanwhile.
#[utoipa::path(
    post,
    path = "/v1/tables/{name}/optimize",
    operation_id = "optimizeTable",
    tag = "operations",
    params(("name" = String, Path, description = "Of the table.", example = "raw_market_data_1m")),
    request_body(content = Optimize, example = json!({ "reason": "after a large backfill" })),
    responses(
        (status = 200, description = "It is done.", body = Optimized, example = json!({
            "table": "raw_market_data_1m",
            "is_done": true,
            "files_before": 27,
            "files_after": 2,
            "bytes_before": 14_680_064,
            "bytes_after": 13_107_200,
        })),
        (
            status = 202,
            description = "It goes on; `GET /v1/tables` tells how many files there are.",
            body = Optimized,
            example = json!({
                "table": "raw_market_data_1m",
                "is_done": false,
                "files_before": 27,
                "files_after": 14,
                "bytes_before": 14_680_064,
                "bytes_after": 13_893_632,
            })
        ),
        UnderWay,
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn optimize(
    State(app): State<Arc<App>>,
    Named(table): Named,
    Caller(by): Caller,
    params: Params,
    Body(asked): Body<Optimize>,
) -> Result<(StatusCode, Json<Optimized>), Problem> {
    params.finish("")?;
    let Optimize { rewrite, reason } = asked;
    let command = if rewrite { "table.rewrite" } else { "table.optimize" };
    note(&app, &table, command, (reason.into_said(), &by)).await?;
    let before = table.size()?.live;
    let merged = table.clone();
    let merging = see_through(&app, async move {
        if rewrite { merged.rewrite().await } else { merged.optimize().await }
    });
    let patience = app.config.server.request_timeout / 2;
    let is_done = match tokio::time::timeout(patience, merging).await {
        Ok(done) => done?.map(|()| true)?,
        Err(_) => false,
    };
    let after = table.size()?.live;
    let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let told = Optimized {
        table: table.name().to_owned(),
        is_done,
        files_before: before.files,
        files_after: after.files,
        bytes_before: before.bytes,
        bytes_after: after.bytes,
    };
    Ok((status, Json(told)))
}

/// Before it is done: nothing on the disk can be written together with the store.
async fn note(
    app: &App,
    table: &Table,
    command: &str,
    (reason, by): (Option<String>, &By),
) -> Result<(), Problem> {
    let detail = json!({ "reason": reason });
    let entry = AuditEntry::new(app.clock.now(), by, command, &table.name(), detail);
    Ok(app.store.note(&entry).await?)
}

/// Whoever asked may hang up. It is work for a disk and a processor, not for the threads that answer.
pub(super) async fn see_through<T: Send + 'static>(
    app: &App,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    let runtime = Handle::current();
    let aside = tokio::task::spawn_blocking(move || runtime.block_on(work));
    let done = app.lifecycle.see_through(aside).await;
    done.and_then(Result::ok).ok_or_else(failed)
}
