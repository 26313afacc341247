//! `GET /v1/decisions`: what was decided.

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
        openapi::{AssetFilter, DecisionFilter, Limit, RecordCursor, Refused, Span, Unavailable},
    },
    MOST, USUAL, document, page_of, place,
};
use crate::{
    app::App,
    lake::{RecordFilter, RevisedRecord},
    market::{InstrumentId, Record, RecordKind},
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DecisionPage)]
pub(in crate::api) struct Page {
    /// Newest first.
    items: Vec<DecisionView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub(in crate::api) struct DecisionView {
    /// By which it is known.
    decision_id: String,
    asset: InstrumentId,
    /// When it was decided.
    timestamp: DateTime<Utc>,
    /// What was decided: `BUY`, `SELL`, `HOLD` or `NO_DECISION`.
    action: &'static str,
    /// In percent.
    #[schema(minimum = 0, maximum = 100)]
    confidence: i32,
    /// Why.
    #[schema(required)]
    reasoning: Option<String>,
    /// Who decided.
    #[schema(required)]
    provider_name: Option<String>,
    /// How.
    #[schema(required)]
    decision_mode: Option<String>,
    /// What it was decided at.
    #[schema(required)]
    entry_price: Option<f64>,
    /// As it was given, of units or of money.
    #[schema(required)]
    position_size: Option<f64>,
    /// How often it was changed after it first came.
    #[schema(minimum = 0)]
    revision: i32,
    /// When this revision was received.
    extracted_at: DateTime<Utc>,
    /// The whole of it as it came, whatever its fields are.
    #[schema(value_type = Object)]
    document: Box<RawValue>,
}

/// What was decided
///
/// The newest revision of each decision, the newest decision first. Every revision is in the table
/// `raw_ai_decisions` of `POST /v1/sql`.
#[utoipa::path(
    get,
    path = "/v1/decisions",
    operation_id = "listDecisions",
    tag = "records",
    params(AssetFilter, Span, DecisionFilter, RecordCursor<false>, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "A page of decisions.", body = Page, example = json!({
            "items": [{
                "decision_id": "0f3c",
                "asset": "ETHUSD",
                "timestamp": "2024-03-06T11:00:00Z",
                "action": "BUY",
                "confidence": 80,
                "reasoning": "The trend holds in five of six timeframes.",
                "provider_name": "ensemble",
                "decision_mode": null,
                "entry_price": 3800.5,
                "position_size": 0.1,
                "revision": 0,
                "extracted_at": "2024-03-06T11:00:01Z",
                "document": { "id": "0f3c", "asset_pair": "ETH-USD", "action": "BUY" },
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
        provider: params.word("provider")?,
        action: params.get("action")?,
        after: params
            .text("cursor")
            .map(|text| place::read(RecordKind::Decision, &text))
            .transpose()?,
        ..RecordFilter::default()
    };
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("asset, start, end, provider, action, cursor, limit")?;
    let (items, next) = page_of(&app, RecordKind::Decision, (&filter, limit), view).await?;
    Ok(Json(Page { items, next }))
}

fn view(row: RevisedRecord) -> Option<DecisionView> {
    let Record::Decision(decision) = row.record else { return None };
    Some(DecisionView {
        decision_id: decision.id,
        asset: decision.asset,
        timestamp: decision.at,
        action: decision.action.as_str(),
        confidence: decision.confidence,
        reasoning: decision.reasoning,
        provider_name: decision.provider,
        decision_mode: decision.mode,
        entry_price: decision.entry_price,
        position_size: decision.position_size,
        revision: row.revision,
        extracted_at: row.extracted_at,
        document: document(row.raw),
    })
}
