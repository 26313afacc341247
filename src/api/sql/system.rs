//! `system.series` and the like: the lists of the API as tables, read page by page while a query runs.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
use axum::{Json, extract::State, http::Uri};
use deltalake::arrow::datatypes::SchemaRef;
use deltalake::datafusion::{
    catalog::{SchemaProvider, TableProvider, streaming::StreamingTable},
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::TableType,
    physical_plan::{stream::RecordBatchStreamAdapter, streaming::PartitionStream},
};
use futures::{FutureExt, future::BoxFuture, stream};
use serde::Serialize;
use serde_json::Value;

use super::{
    super::{
        Problem, backfills, dead_letters, extract::Params, gaps, replicas, schedules, series,
        tagged::unwritten,
    },
    columns::{Column, Kind, batch, schema},
};
use crate::app::App;

/// A list that a handler gives, under the same name.
struct List {
    name: &'static str,
    columns: &'static [Column],
    /// What to ask the handler, one after the other.
    questions: &'static [&'static str],
    /// Whether it comes in pages.
    is_paged: bool,
    read: fn(Arc<App>, Params) -> BoxFuture<'static, Result<Value, Problem>>,
}

use Kind::{Count, Flag, Instant, Number, Part, Text};

const LISTS: &[List] = &[
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
        questions: &[""],
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
        questions: &[""],
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
        questions: &["state=open", "state=replayed", "state=discarded"],
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
        questions: &[""],
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
        questions: &[""],
        is_paged: true,
        read: |app, params| told(backfills::list(State(app), params)),
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
        questions: &[""],
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
        questions: &[""],
        is_paged: false,
        read: |app, params| told(replicas::list(State(app), params)),
    },
];

fn told<T: Serialize + 'static>(
    answer: impl Future<Output = Result<Json<T>, Problem>> + Send + 'static,
) -> BoxFuture<'static, Result<Value, Problem>> {
    answer.map(|told| serde_json::to_value(told?.0).map_err(unwritten)).boxed()
}

/// The lists as tables.
pub(super) struct System(Arc<App>);

impl System {
    pub(super) fn of(app: &Arc<App>) -> Self {
        Self(app.clone())
    }
}

#[async_trait]
impl SchemaProvider for System {
    fn table_names(&self) -> Vec<String> {
        LISTS.iter().map(|list| list.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(list) = LISTS.iter().find(|list| list.name == name) else { return Ok(None) };
        let schema = schema(list.columns);
        let pages = Pages { app: self.0.clone(), list, schema: schema.clone() };
        Ok(Some(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(pages)])?)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        LISTS.iter().any(|list| list.name == name)
    }
}

/// One list while it is read.
#[derive(Clone)]
struct Pages {
    app: Arc<App>,
    list: &'static List,
    schema: SchemaRef,
}

/// Where reading goes on: which question, and after which page of its answer.
struct Place {
    question: usize,
    cursor: Option<String>,
}

impl PartitionStream for Pages {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let pages = self.clone();
        let begin = Place { question: 0, cursor: None };
        let batches = stream::try_unfold(begin, move |place| {
            let pages = pages.clone();
            async move {
                let Some(question) = pages.list.questions.get(place.question) else {
                    return Ok(None);
                };
                let page = pages.page(question, place.cursor.as_deref()).await;
                let page = page.map_err(|problem| {
                    let said = format!("system.{}: {problem}", pages.list.name);
                    DataFusionError::IoError(io::Error::other(said))
                })?;
                let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                let batch = batch(&pages.schema, pages.list.columns, items)?;
                let next = match page["next"].as_str() {
                    Some(cursor) => Place { cursor: Some(cursor.to_owned()), ..place },
                    None => Place { question: place.question + 1, cursor: None },
                };
                Ok(Some((batch, next)))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

impl Pages {
    async fn page(&self, question: &str, cursor: Option<&str>) -> Result<Value, Problem> {
        let limit = if self.list.is_paged { "limit=1000" } else { "" };
        let cursor = cursor.map(|cursor| format!("cursor={cursor}")).unwrap_or_default();
        let said = [question, limit, &cursor].into_iter().filter(|part| !part.is_empty());
        let uri = format!("/?{}", said.collect::<Vec<_>>().join("&"));
        let uri = uri.parse::<Uri>().unwrap_or_default();
        (self.list.read)(self.app.clone(), Params::of(&uri)?).await
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("System")
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pages").field(&self.list.name).finish()
    }
}
