//! `POST /v1/features`: indicators as they were known at moments of the past.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    Problem,
    extract::Params,
    format::wanted,
    openapi::{Formats, KnownBySaid, NotAcceptable, Octets, Refused, Unavailable},
    sql::{SqlAnswer, told},
    tables::upload::Upload,
};
use crate::{
    app::App,
    features::{self, KnownBy, MODEL, MOST, MomentError},
    formats::{
        Format,
        incoming::{self, Further},
    },
    market::Timeframe,
    sql::Question,
};

const MEND: &str = "give rows with an asset_pair and a timestamp, like \
     [{\"asset_pair\": \"BTCUSD\", \"timestamp\": \"2024-03-06T10:00:00Z\"}]";

/// Features of moments
///
/// Of each row, which has an `asset_pair` and a `timestamp`, the newest candle of a timeframe that was
/// known by then, and every indicator of `silver.market_data_enriched` over the candles that were known
/// by then, in the revisions of then. Rows come back in their order, with their other columns; features
/// are null where nothing was known. `candle_timestamp` is when the candle opens, `known_at` when the
/// last of the candles was received that the features are made of. At most 250 rows.
#[utoipa::path(
    post,
    path = "/v1/features",
    operation_id = "featuresOfMoments",
    tag = "candles",
    params(
        ("timeframe" = inline(Timeframe), Query, description = "Of which candles.", example = "1h"),
        KnownBySaid,
        Formats,
    ),
    request_body(
        description = "Rows: objects, lines below a line of names, or a table of Arrow or Parquet.",
        content(
            (Vec<serde_json::Map<String, serde_json::Value>> = "application/json", example = json!([{
                "asset_pair": "BTCUSD", "timestamp": "2024-03-06T10:00:00Z", "label": 1,
            }])),
            (String = "application/x-ndjson"),
            (String = "text/csv"),
            (inline(Octets) = "application/vnd.apache.arrow.stream"),
            (inline(Octets) = "application/vnd.apache.parquet"),
        )
    ),
    responses(
        (status = 200, description = "The rows with their features.", content(
            (SqlAnswer = "application/json", example = json!({
                "columns": [
                    { "name": "asset_pair", "type": "Utf8" },
                    { "name": "timestamp", "type": "Timestamp(µs, \"UTC\")" },
                    { "name": "rsi_14", "type": "Float64" },
                ],
                "rows": [{
                    "asset_pair": "BTCUSD", "timestamp": "2024-03-06T10:00:00Z", "rsi_14": 51.3,
                }],
                "row_count": 1,
            })),
            (
                String = "application/x-ndjson",
                example = "{\"asset_pair\":\"BTCUSD\",\"rsi_14\":51.3}\n"
            ),
            (String = "text/csv", example = "asset_pair,rsi_14\nBTCUSD,51.3\n"),
            (inline(Octets) = "application/vnd.apache.arrow.stream"),
            (inline(Octets) = "application/vnd.apache.parquet"),
        )),
        Refused,
        NotAcceptable,
        Unavailable,
    )
)]
pub(super) async fn of_moments(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut params: Params,
    upload: Upload,
) -> Result<Response, Problem> {
    let format = wanted(&mut params, &headers)?.unwrap_or(Format::Json);
    let timeframe: Option<Timeframe> = params.get("timeframe")?;
    let known_by = params.one_of("known_by", &KnownBy::ALL, KnownBy::as_str)?;
    params.finish("timeframe, known_by, format")?;
    let timeframe = timeframe.ok_or_else(|| {
        Problem::invalid("timeframe", "timeframe is missing", "add timeframe=1h, or another")
    })?;
    let invalid = |detail: String| Problem::invalid("body", detail, MEND);
    let wanted = features::columns();
    let read = incoming::read(upload.format, &upload.body, &wanted, Further::Read);
    let read = read.map_err(|error| invalid(error.to_string()))?;
    if !read.faults.is_empty() {
        return Err(invalid(incoming::told(&read.faults)));
    }
    if read.rows.num_rows() > MOST {
        let detail = format!("there are {} rows", read.rows.num_rows());
        let fix = format!("send {MOST} at a time; `barkeep features` does");
        return Err(Problem::invalid("body", detail, &fix));
    }
    let table = app.lake.named(MODEL).ok_or_else(not_built)?;
    let (columns, model) = (table.schema()?, app.models.named(MODEL)?);
    let known_by = known_by.unwrap_or(KnownBy::Received);
    let asked = features::question(
        &read.rows,
        (timeframe, known_by),
        (&model.query, &columns),
        (&app.config.ingest, app.clock.now()),
    );
    let (query, system) = asked.map_err(problem)?;
    let question = Question { query, format, known_at: None, versions: BTreeMap::new() };
    Ok(told(app.sql.answer(&app.lake, system, question).await?))
}

fn problem(error: MomentError) -> Problem {
    let invalid = |fix| Problem::invalid("body", error.to_string(), fix);
    match error {
        MomentError::Asset { .. } => invalid("use names like BTCUSD, BTC-USD or AAPL"),
        MomentError::Future { .. } => invalid("ask for moments that have passed"),
        MomentError::Taken(_) => invalid("give that column of yours another name"),
        MomentError::Arrow(_) => invalid(MEND),
        MomentError::Engine(error) => crate::sql::SqlError::from(error).into(),
    }
}

fn not_built() -> Problem {
    let problem =
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_built", "there is nothing yet");
    problem.fix(&format!("wait until {MODEL} is built; GET /v1/models tells"))
}
