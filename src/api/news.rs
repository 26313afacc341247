//! `GET /v1/news`: what articles say of assets.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Problem, extract::Params, series::List};
use crate::{
    app::App,
    lake::{LandedMention, MentionFilter},
    market::{InstrumentId, Mention},
};

#[derive(Debug, Serialize)]
pub(super) struct MentionView {
    /// The same for every asset that the article mentions.
    article_id: String,
    asset: InstrumentId,
    published_at: DateTime<Utc>,
    title: String,
    url: String,
    source: String,
    /// How much the article is about the asset: above 0, at most 1.
    relevance_score: f64,
    /// From -1, bad for the asset, to 1.
    sentiment_score: f64,
    sentiment_label: String,
    topics: Vec<String>,
    /// When it was received.
    extracted_at: DateTime<Utc>,
    is_mock: bool,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<MentionView>>, Problem> {
    let filter = MentionFilter { asset: params.get("asset")?, window: params.span()? };
    let limit = params.limit(1_000)?.unwrap_or(100);
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
