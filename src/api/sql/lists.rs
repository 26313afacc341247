//! Which lists of the API are tables, and which of their members are columns.

use std::sync::Arc;

use axum::{Json, extract::State};
use futures::{FutureExt, future::BoxFuture};
use serde::Serialize;
use serde_json::Value;

use super::{
    super::{
        Problem, backfills, dead_letters, extract::Params, gaps, replicas, schedules, series,
        tables, tagged::unwritten,
    },
    columns::{
        Column,
        Kind::{Count, Flag, Instant, Number, Part, Text},
    },
};
use crate::{app::App, store::LetterState};

/// A list that a handler gives, under the same name.
pub(super) struct List {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// What to ask the handler, one after the other.
    pub(super) questions: fn(&App) -> Vec<String>,
    /// Whether it comes in pages.
    pub(super) is_paged: bool,
    pub(super) read: fn(Arc<App>, Params) -> BoxFuture<'static, Result<Value, Problem>>,
}

pub(super) const LISTS: &[List] = &[
    List {
        name: "series",
        columns: &[
            Column("series", "/series", Text),
            Column("source_provider", "/series", Part(0)),
            Column("asset_pair", "/series", Part(1)),
            Column("timeframe", "/series", Part(2)),
            Column("asset_class", "/asset_class", Text),
            Column("role", "/role", Text),
            Column("is_derived", "/is_derived", Flag),
            Column("origin", "/origin", Instant),
            Column("watermark", "/watermark", Instant),
            Column("last_candle", "/last_candle", Instant),
            Column("landings", "/landings", Count),
            Column("final", "/candles/final", Count),
            Column("no_trade", "/candles/no_trade", Count),
            Column("market_closed", "/candles/market_closed", Count),
            Column("before_history", "/candles/before_history", Count),
            Column("quarantined", "/candles/quarantined", Count),
            Column("waived", "/candles/waived", Count),
            Column("missing", "/candles/missing", Count),
            Column("pending", "/candles/pending", Count),
            Column("trouble", "/trouble/outcome", Text),
            Column("trouble_message", "/trouble/message", Text),
            Column("trouble_since", "/trouble/since", Instant),
        ],
        questions: once,
        is_paged: false,
        read: |app, params| told(series::list(State(app), params)),
    },
    List {
        name: "gaps",
        columns: &[
            Column("series", "/series", Text),
            Column("source_provider", "/series", Part(0)),
            Column("asset_pair", "/series", Part(1)),
            Column("timeframe", "/series", Part(2)),
            Column("start_time", "/start", Instant),
            Column("end_time", "/end", Instant),
            Column("candles", "/candles", Count),
            Column("reason", "/reason", Text),
            Column("since", "/since", Instant),
            Column("next_question_at", "/next_question_at", Instant),
        ],
        questions: once,
        is_paged: true,
        read: |app, params| told(gaps::list(State(app), params)),
    },
    List {
        name: "dead_letters",
        columns: &[
            Column("id", "/id", Text),
            Column("series", "/series", Text),
            Column("open_time", "/open_time", Instant),
            Column("expectation", "/expectation", Text),
            Column("detail", "/detail", Text),
            Column("fingerprint", "/fingerprint", Text),
            Column("state", "/state", Text),
            Column("resolved_at", "/resolved_at", Instant),
            Column("resolved_by", "/resolved_by", Text),
            Column("reason", "/reason", Text),
            Column("tried_at", "/tried_at", Instant),
            Column("tried_detail", "/tried_detail", Text),
            Column("source", "/source", Text),
            Column("extracted_at", "/extracted_at", Instant),
            Column("last_seen_at", "/last_seen_at", Instant),
            Column("times_seen", "/times_seen", Count),
        ],
        questions: |_| LetterState::ALL.map(|state| format!("state={}", state.as_str())).into(),
        is_paged: true,
        read: |app, params| told(dead_letters::list(State(app), params)),
    },
    List {
        name: "jobs",
        columns: &[
            Column("chunk_id", "/chunk_id", Text),
            Column("backfill_id", "/backfill_id", Text),
            Column("series", "/series", Text),
            Column("start_time", "/start", Instant),
            Column("end_time", "/end", Instant),
            Column("state", "/state", Text),
            Column("attempts", "/attempts", Count),
            Column("error", "/error", Text),
            Column("not_before", "/not_before", Instant),
            Column("replica", "/replica", Text),
            Column("candles_landed", "/candles_landed", Count),
            Column("requests", "/requests", Count),
            Column("changed_at", "/changed_at", Instant),
        ],
        questions: once,
        is_paged: true,
        read: |app, params| told(backfills::chunks::jobs(State(app), params)),
    },
    List {
        name: "backfills",
        columns: &[
            Column("backfill_id", "/backfill_id", Text),
            Column("kind", "/kind", Text),
            Column("state", "/state", Text),
            Column("created_at", "/created_at", Instant),
            Column("created_by", "/created_by", Text),
            Column("started_at", "/started_at", Instant),
            Column("ended_at", "/ended_at", Instant),
            Column("assets", "/assets", Text),
            Column("timeframes", "/timeframes", Text),
            Column("source_provider", "/provider", Text),
            Column("start_time", "/start", Instant),
            Column("end_time", "/end", Instant),
            Column("priority", "/priority", Text),
            Column("reprocess", "/reprocess", Text),
            Column("reason", "/reason", Text),
            Column("chunks_total", "/progress/chunks_total", Count),
            Column("chunks_done", "/progress/chunks_done", Count),
            Column("chunks_failed", "/progress/chunks_failed", Count),
            Column("candles_landed", "/progress/candles_landed", Count),
            Column("share", "/progress/share", Number),
        ],
        questions: once,
        is_paged: true,
        read: |app, params| told(backfills::list(State(app), params)),
    },
    List {
        name: "tables",
        columns: &[
            Column("name", "/name", Text),
            Column("path", "/path", Text),
            Column("version", "/version", Count),
            Column("oldest_version", "/oldest_version", Count),
            Column("files", "/files", Count),
            Column("bytes", "/bytes", Count),
            Column("rows", "/rows", Count),
            Column("maintained_at", "/maintenance/at", Instant),
        ],
        questions: once,
        is_paged: false,
        read: |app, params| told(tables::list(State(app), params)),
    },
    List {
        name: "commits",
        columns: &[
            Column("table_name", "/table", Text),
            Column("version", "/version", Count),
            Column("at", "/at", Instant),
            Column("operation", "/operation", Text),
            Column("files_added", "/files_added", Count),
            Column("files_removed", "/files_removed", Count),
            Column("rows", "/rows", Count),
            Column("landings", "/landings", Text),
        ],
        questions: |app| {
            let tables = app.lake.all().into_iter();
            tables.map(|table| format!("table={}", table.name())).collect()
        },
        is_paged: true,
        read: commits,
    },
    List {
        name: "schedules",
        columns: &[
            Column("name", "/name", Text),
            Column("every", "/every", Text),
            Column("paused", "/paused", Flag),
            Column("paused_by", "/paused_by", Text),
            Column("paused_since", "/paused_since", Instant),
            Column("reason", "/reason", Text),
            Column("last_tick_at", "/last_tick_at", Instant),
            Column("next_tick_at", "/next_tick_at", Instant),
        ],
        questions: once,
        is_paged: false,
        read: |app, params| told(schedules::list(State(app), params)),
    },
    List {
        name: "replicas",
        columns: &[
            Column("name", "/name", Text),
            Column("alive", "/alive", Flag),
            Column("started_at", "/started_at", Instant),
            Column("seen_at", "/seen_at", Instant),
            Column("address", "/address", Text),
            Column("version", "/version", Text),
            Column("duties", "/duties", Text),
        ],
        questions: once,
        is_paged: false,
        read: |app, params| told(replicas::list(State(app), params)),
    },
];

/// One question will do.
fn once(_: &App) -> Vec<String> {
    vec![String::new()]
}

/// The history of the table that is named, with its name in every item.
fn commits(app: Arc<App>, mut params: Params) -> BoxFuture<'static, Result<Value, Problem>> {
    let name = params.text("table").unwrap_or_default();
    let table = name.clone();
    let listed = told(async move {
        let named = tables::Named::find(&app, &table).await?;
        tables::history::list(State(app), named, params).await
    });
    let with_name = async move {
        let mut page = listed.await?;
        for item in page["items"].as_array_mut().into_iter().flatten() {
            item["table"] = name.as_str().into();
        }
        Ok(page)
    };
    with_name.boxed()
}

fn told<T: Serialize + 'static>(
    answer: impl Future<Output = Result<Json<T>, Problem>> + Send + 'static,
) -> BoxFuture<'static, Result<Value, Problem>> {
    answer.map(|told| serde_json::to_value(told?.0).map_err(unwritten)).boxed()
}
