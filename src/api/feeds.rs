//! `GET /v1/feeds`: what is collected besides candles, and how that goes.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Problem, extract::Params, series::List};
use crate::{app::App, ingest::Trouble, market::Feed};

#[derive(Debug, Serialize)]
pub(super) struct FeedView {
    feed: Feed,
    kind: &'static str,
    every_seconds: i64,
    /// When it was last collected to the end.
    succeeded_at: Option<DateTime<Utc>>,
    /// When the newest article was published, or the newest period begins.
    newest: Option<DateTime<Utc>>,
    next_due_at: DateTime<Utc>,
    trouble: Option<TroubleView>,
}

#[derive(Debug, Serialize)]
struct TroubleView {
    outcome: &'static str,
    message: String,
    since: DateTime<Utc>,
    attempts: u32,
}

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
