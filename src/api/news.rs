//! `GET /v1/news`: what articles say of assets.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    openapi::{AssetFilter, Limit, Refused, Span, Unavailable},
    series::List,
};
use crate::{
    app::App,
    lake::{LandedMention, MentionFilter},
    market::{InstrumentId, Mention},
};

/// Mentions in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MentionView {
    /// The same for every asset that the article mentions.
    article_id: String,
    asset: InstrumentId,
    /// By its publisher.
    published_at: DateTime<Utc>,
    title: String,
    url: String,
    /// Who published it.
    source: String,
    /// How much the article is about the asset: above 0, at most 1.
    relevance_score: f64,
    /// From -1, bad for the asset, to 1.
    sentiment_score: f64,
    /// The score in words.
    sentiment_label: String,
    topics: Vec<String>,
    /// When it was received.
    extracted_at: DateTime<Utc>,
    /// Of a simulated provider.
    is_mock: bool,
}

/// What articles say of assets
///
/// One item per article and asset it mentions, the newest first.
#[utoipa::path(
    get,
    path = "/v1/news",
    operation_id = "listNews",
    tag = "feeds",
    params(AssetFilter, Span, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "Mentions.", body = List<MentionView>, example = json!({
            "items": [{
                "article_id": "5c1d8f0e8a7b4d0f",
                "asset": "BTCUSD",
                "published_at": "2024-03-06T08:40:00Z",
                "title": "Bitcoin nears its record",
                "url": "https://example.com/bitcoin",
                "source": "Example News",
                "relevance_score": 0.93,
                "sentiment_score": 0.31,
                "sentiment_label": "Somewhat-Bullish",
                "topics": ["Blockchain"],
                "extracted_at": "2024-03-06T12:00:30Z",
                "is_mock": false,
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<MentionView>>, Problem> {
    let filter = MentionFilter { asset: params.get("asset")?, window: params.span()? };
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("asset, start, end, limit")?;
    let mentions = app.lake.news().mentions(&filter, limit as usize).await?;
    Ok(Json(List { items: mentions.into_iter().map(view).collect() }))
}

fn view(landed: LandedMention) -> MentionView {
    let LandedMention { article_id, asset, mention, extracted_at, is_mock } = landed;
    let Mention { published_at, title, url, source, relevance, sentiment, label, topics } = mention;
    MentionView {
        article_id,
        asset,
        published_at,
        title,
        url,
        source,
        relevance_score: relevance,
        sentiment_score: sentiment,
        sentiment_label: label,
        topics,
        extracted_at,
        is_mock,
    }
}
