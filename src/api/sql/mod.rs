//! `POST /v1/sql`: questions in SQL about the lake and about the daemon itself.

mod columns;
mod lists;
mod system;

use std::{collections::BTreeMap, io, sync::Arc};

use axum::{
    body::{Body as HttpBody, Bytes},
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

use self::system::System;
use super::{
    Problem,
    body::Body,
    extract::{Params, past_instant},
    format::wanted,
    openapi::{Formats, Gone, NotAcceptable, Octets, Refused, Unavailable},
};
use crate::{
    app::App,
    formats::Format,
    sql::{self, Answer, Question, SqlError},
};

/// A question in SQL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// One statement that selects. Tables are `bronze.raw_market_data_1m` and the like, and
    /// `system.series`, `system.gaps`, `system.dead_letters`, `system.jobs`, `system.backfills`,
    /// `system.tables`, `system.commits`, `system.schedules` and `system.replicas`; `show tables` lists them, `describe TABLE` their columns.
    #[schema(max_length = 65536)]
    query: String,
    /// Without what was received later: what was known then.
    as_of: Option<DateTime<Utc>>,
    /// Tables as of earlier versions of them.
    table_versions: Option<BTreeMap<String, u64>>,
}

/// All there is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SqlAnswer {
    /// In the order in which they are selected.
    columns: Vec<SqlColumn>,
    /// Objects with a member per column.
    rows: Vec<BTreeMap<String, serde_json::Value>>,
    /// How many rows there are.
    #[schema(minimum = 0)]
    row_count: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct SqlColumn {
    /// As it is selected, or as the engine calls it.
    name: String,
    /// What its values are, as Arrow calls it.
    #[serde(rename = "type")]
    kind: String,
}

/// Ask in SQL
///
/// Whatever can be selected from the tables of the lake, and from what the daemon knows of itself.
/// Nothing can be changed. An answer is whole, or an error: a query that would take longer, use more
/// memory or give more rows than `[sql]` allows is refused.
#[utoipa::path(
    post,
    path = "/v1/sql",
    operation_id = "askInSql",
    tag = "candles",
    params(Formats),
    request_body(content = Asked, example = json!({
        "query": "select asset_pair, max(timestamp) as newest from bronze.raw_market_data_1m group by 1",
    })),
    responses(
        (status = 200, description = "The rows.", content(
            (SqlAnswer = "application/json", example = json!({
                "columns": [
                    { "name": "asset_pair", "type": "Utf8" },
                    { "name": "newest", "type": "Timestamp(µs, \"UTC\")" },
                ],
                "rows": [{ "asset_pair": "BTCUSD", "newest": "2024-03-06T11:59:00Z" }],
                "row_count": 1,
            })),
            (
                String = "application/x-ndjson",
                example = "{\"asset_pair\":\"BTCUSD\",\"newest\":\"2024-03-06T11:59:00Z\"}\n"
            ),
            (
                String = "text/csv",
                example = "asset_pair,newest\nBTCUSD,2024-03-06T11:59:00Z\n"
            ),
            (inline(Octets) = "application/vnd.apache.arrow.stream"),
            (inline(Octets) = "application/vnd.apache.parquet"),
        )),
        Refused,
        NotAcceptable,
        Gone,
        Unavailable,
    )
)]
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut params: Params,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let format = wanted(&mut params, &headers)?.unwrap_or(Format::Json);
    params.finish("format")?;
    let Asked { query, as_of, table_versions } = asked;
    let versions = table_versions.unwrap_or_default();
    let known_at = past_instant(as_of, app.clock.now())?;
    let question = Question { query, format, known_at, versions };
    Ok(told(app.sql.answer(&app.lake, Arc::new(System::of(&app)), question).await?))
}

/// An answer as it is sent.
pub(super) fn told(answer: Answer) -> Response {
    let head = [
        (CONTENT_TYPE, answer.format.media_type()),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept, accept-encoding"),
    ];
    let body = match answer.body {
        sql::Body::Memory(bytes) => HttpBody::from(bytes),
        sql::Body::File(file) => HttpBody::from_stream(pieces(file)),
    };
    (head, body).into_response()
}

/// Bytes that are read at a time.
const PIECE: usize = 128 << 10;

fn pieces(file: std::fs::File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(tokio::fs::File::from_std(file), |mut file| async {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.into(), file)))
    })
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        let invalid = |fix| Self::invalid("query", error.to_string(), fix);
        match error {
            SqlError::Lake(error) => match Self::from(error) {
                problem if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
                    problem.inside("table_versions")
                }
                problem => problem,
            },
            SqlError::Invalid(_) => invalid(
                "`show tables` lists the tables, `describe TABLE` the columns of one; the dialect is \
                 that of PostgreSQL as far as DataFusion has it",
            ),
            SqlError::ReadOnly(_) | SqlError::NoStatement => invalid("select something"),
            SqlError::SeveralStatements => invalid("ask one at a time"),
            SqlError::TooLong(_) | SqlError::TooManyTokens(_) => invalid("ask in fewer words"),
            SqlError::UnknownTable(_) => {
                let fix = "name tables of the lake, like \"bronze.raw_market_data_1m\"";
                Self::invalid("table_versions", error.to_string(), fix)
            }
            SqlError::BuiltSince(_) => {
                let fix = "leave it out, or ask bronze, whose rows say when they were received";
                Self::invalid("as_of", error.to_string(), fix)
            }
            SqlError::SystemOfThePast => invalid("leave out as_of and table_versions"),
            SqlError::SameName(_) => invalid("give each a name of its own with `as`"),
            SqlError::TooManyRows(_) => {
                invalid("add `limit`, aggregate, or have sql.max_rows raised")
            }
            SqlError::TooLarge(_) => {
                invalid("ask for less at a time, or have sql.memory and sql.spill raised")
            }
            SqlError::TooSlow(_) => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", error.to_string())
                    .fix("ask for less at a time, or have sql.timeout raised")
            }
            error => {
                let fix = "try again; if it stays so the log has the details";
                Self::failure(error.class(), &error).fix(fix)
            }
        }
    }
}
