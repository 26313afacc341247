//! `GET /v1/backfills/{id}/events`: progress as it is made, on any replica.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;

use super::{
    super::{
        Problem,
        extract::Params,
        gate::bearer,
        openapi::{NotFound, Refused, Unavailable},
    },
    BackfillId, ID,
    view::view,
};
use crate::{
    access::Refusal, app::App, backfill::CommandError, config::AuthMode, store::KeptBackfill,
};

/// How often it is looked at what nobody has announced: another replica may be at work.
const TICK: Duration = Duration::from_secs(1);

/// Watch a backfill
///
/// An event `progress` with the backfill as its data at first and after every change, until it has
/// ended. The id of an event is a number that grows; given as `Last-Event-ID` it is not told again,
/// and who has seen the last one is answered 204, upon which browsers ask no more.
#[utoipa::path(
    get,
    path = "/v1/backfills/{id}/events",
    operation_id = "watchBackfill",
    tag = "backfills",
    params(
        ("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506"),
        ("last-event-id" = Option<i64>, Header, description = "Seen already.", minimum = 0),
    ),
    responses(
        (status = 200, description = "A stream of events.", body = String,
            content_type = "text/event-stream",
            example = "event: progress\nid: 3\ndata: {\"backfill_id\":\"bf_018e13f6a1c0\"}\n\n"),
        (status = 204, description = "It has ended, and you have seen that."),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn events(
    State(app): State<Arc<App>>,
    BackfillId(id): BackfillId,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Problem> {
    params.finish("")?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let seen = seen.unwrap_or(-1);
    let Some(kept) = app.store.backfill(&id).await? else {
        return Err(CommandError::Unknown(id).into());
    };
    if is_over(&kept) && seen >= kept.revision {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let token = headers.get(AUTHORIZATION).and_then(|given| bearer(given.to_str().ok()?));
    let token = token.filter(|_| app.config.auth.mode == AuthMode::Keys).map(str::to_owned);
    let watch = Watch { app, id, token, seen, is_over: false };
    let events = stream::unfold(watch, |mut watch| async move {
        let kept = watch.next().await?;
        Some((Ok::<_, Infallible>(watch.event(kept)), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

fn is_over(kept: &KeptBackfill) -> bool {
    !kept.state.is_open() && kept.chunks.running == 0
}

struct Watch {
    app: Arc<App>,
    id: String,
    /// What whoever watches may watch by.
    token: Option<String>,
    seen: i64,
    is_over: bool,
}

impl Watch {
    /// The backfill after its next change; none once it has ended, or the program stops.
    async fn next(&mut self) -> Option<KeptBackfill> {
        while !self.is_over && !self.app.lifecycle.is_stopping() && self.may_watch().await {
            let change = self.app.running.next_change();
            // A store that is away for a moment has nothing to tell.
            if let Ok(Some(kept)) = self.app.store.backfill(&self.id).await {
                self.is_over = is_over(&kept);
                if kept.revision > self.seen {
                    self.seen = kept.revision;
                    return Some(kept);
                }
            } else {
                tracing::debug!(backfill = self.id, "a watcher waits for the store");
            }
            if !self.is_over {
                tokio::select! {
                    () = self.app.lifecycle.stopping() => {}
                    () = self.app.clock.sleep(TICK) => {}
                    () = change => {}
                }
            }
        }
        None
    }

    /// A key that is revoked while somebody watches with it opens nothing any more.
    async fn may_watch(&self) -> bool {
        match &self.token {
            Some(token) => !matches!(
                self.app.access.keyring.open(token).await,
                Err(Refusal::Unknown | Refusal::Expired)
            ),
            None => true,
        }
    }

    fn event(&self, kept: KeptBackfill) -> Event {
        let event = Event::default().id(kept.revision.to_string()).event("progress");
        match view(kept, self.app.clock.now()) {
            Ok(view) => event.data(serde_json::to_string(&view).unwrap_or_default()),
            Err(problem) => event.data(serde_json::to_string(&problem).unwrap_or_default()),
        }
    }
}
