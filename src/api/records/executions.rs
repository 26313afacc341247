//! `GET /v1/executions`: what was traded.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        extract::Params,
        openapi::{AssetFilter, ExecutionFilter, Limit, RecordCursor, Refused, Span, Unavailable},
    },
    MOST, USUAL, document, page_of, place,
};
use crate::{
    app::App,
    lake::{RecordFilter, RevisedRecord},
    market::{InstrumentId, Money, Record, RecordKind},
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionPage)]
pub(in crate::api) struct Page {
    /// Newest first.
    items: Vec<ExecutionView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// A trade, as far as it has come. Amounts are decimal numbers in texts, so that no digit is lost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub(in crate::api) struct ExecutionView {
    /// By which it is known, together with its status.
    trade_id: String,
    /// What it came of.
    #[schema(required)]
    decision_id: Option<String>,
    asset: InstrumentId,
    /// Where it was traded; `unknown` where nobody said.
    platform: String,
    /// `LONG` or `SHORT`.
    side: &'static str,
    /// As its platform calls it.
    #[schema(required)]
    order_type: Option<String>,
    /// Units of what is traded.
    quantity: String,
    /// Of one unit.
    #[schema(required)]
    entry_price: Option<String>,
    /// Of one unit.
    #[schema(required)]
    exit_price: Option<String>,
    /// What it has cost.
    #[schema(required)]
    fees: Option<String>,
    /// What it has brought, as its recorder says.
    #[schema(required)]
    realized_pnl: Option<String>,
    /// When it was entered.
    entry_time: DateTime<Utc>,
    /// When it was left.
    #[schema(required)]
    exit_time: Option<DateTime<Utc>>,
    /// `pending`, `filled`, `rejected` or `closed`.
    status: &'static str,
    /// How often it was changed after it first came.
    #[schema(minimum = 0)]
    revision: i32,
    /// When this revision was received.
    extracted_at: DateTime<Utc>,
    /// The whole of it as it came, whatever its fields are.
    #[schema(value_type = Object)]
    document: Box<RawValue>,
}

/// What was traded
///
/// The newest revision of each trade in each of its states, the one entered last first. Every revision
/// is in the table `raw_trade_executions` of `POST /v1/sql`.
#[utoipa::path(
    get,
    path = "/v1/executions",
    operation_id = "listExecutions",
    tag = "records",
    params(AssetFilter, Span, ExecutionFilter, RecordCursor<true>, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "A page of trades.", body = Page, example = json!({
            "items": [{
                "trade_id": "16c4dd2b",
                "decision_id": "0f3c",
                "asset": "ETHUSD",
                "platform": "coinbase",
                "side": "LONG",
                "order_type": null,
                "quantity": "0.01",
                "entry_price": "3500",
                "exit_price": "3510.5",
                "fees": "0.02",
                "realized_pnl": "0.085",
                "entry_time": "2024-03-06T11:00:02Z",
                "exit_time": "2024-03-06T11:40:00Z",
                "status": "closed",
                "revision": 0,
                "extracted_at": "2024-03-06T11:40:01Z",
                "document": { "trade_id": "16c4dd2b", "product": "ETH-USD", "side": "LONG" },
            }],
            "next": null,
        })),
        Refused,
        Unavailable,
    )
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<Page>, Problem> {
    let filter = RecordFilter {
        asset: params.get("asset")?,
        window: params.span()?,
        platform: params.word("platform")?,
        status: params.get("status")?,
        after: params
            .text("cursor")
            .map(|text| place::read(RecordKind::Execution, &text))
            .transpose()?,
        ..RecordFilter::default()
    };
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("asset, start, end, platform, status, cursor, limit")?;
    let (items, next) = page_of(&app, RecordKind::Execution, (&filter, limit), view).await?;
    Ok(Json(Page { items, next }))
}

fn view(row: RevisedRecord) -> Option<ExecutionView> {
    let Record::Execution(trade) = row.record else { return None };
    let written = |amount: Option<Money>| amount.map(|amount| amount.to_string());
    Some(ExecutionView {
        trade_id: trade.trade_id,
        decision_id: trade.decision_id,
        asset: trade.asset,
        platform: trade.platform,
        side: trade.side.as_str(),
        order_type: trade.order_type,
        quantity: trade.quantity.to_string(),
        entry_price: written(trade.entry_price),
        exit_price: written(trade.exit_price),
        fees: written(trade.fees),
        realized_pnl: written(trade.realized_pnl),
        entry_time: trade.entry_time,
        exit_time: trade.exit_time,
        status: trade.status.as_str(),
        revision: row.revision,
        extracted_at: row.extracted_at,
        document: document(row.raw),
    })
}
