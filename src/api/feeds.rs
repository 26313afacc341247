//! `GET /v1/feeds`: what is collected besides candles, and how that goes.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    openapi::{Refused, Unavailable},
    series::List,
};
use crate::{app::App, ingest::Trouble, market::Feed};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FeedView {
    feed: Feed,
    /// `news` or `macro`.
    kind: &'static str,
    /// How often it is collected.
    every_seconds: i64,
    /// When it was last collected to the end.
    #[schema(required)]
    succeeded_at: Option<DateTime<Utc>>,
    /// When the newest article was published, or the newest period begins.
    #[schema(required)]
    newest: Option<DateTime<Utc>>,
    /// When it is collected next.
    next_due_at: DateTime<Utc>,
    /// Since the last success; null if all is well.
    #[schema(required)]
    trouble: Option<TroubleView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeedTrouble)]
struct TroubleView {
    /// A stable word for what went wrong last.
    outcome: &'static str,
    message: String,
    since: DateTime<Utc>,
    /// In vain, so far.
    attempts: u32,
}

/// How the collection of feeds goes
///
/// What is collected besides candles, when it last was, and when it will be again.
#[utoipa::path(
    get,
    path = "/v1/feeds",
    operation_id = "listFeeds",
    tag = "feeds",
    responses(
        (status = 200, description = "Every feed.", body = List<FeedView>, example = json!({
            "items": [{
                "feed": "alpha_vantage/news/BTCUSD",
                "kind": "news",
                "every_seconds": 21600,
                "succeeded_at": "2024-03-06T12:00:30Z",
                "newest": "2024-03-06T08:40:00Z",
                "next_due_at": "2024-03-06T18:00:30Z",
                "trouble": null,
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<FeedView>>, Problem> {
    params.finish("")?;
    let mut items = Vec::new();
    for (feed, state) in app.collector.feeds() {
        items.push(FeedView {
            kind: feed.kind(),
            every_seconds: state.every.num_seconds(),
            succeeded_at: state.succeeded_at,
            newest: app.collector.newest(&feed).await?,
            next_due_at: state.due_at,
            trouble: state.trouble.map(trouble),
            feed,
        });
    }
    Ok(Json(List { items }))
}

fn trouble(trouble: Trouble) -> TroubleView {
    let Trouble { outcome, message, since, attempts, .. } = trouble;
    TroubleView { outcome, message, since, attempts }
}
