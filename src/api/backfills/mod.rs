//! `/v1/backfills`: history that somebody asks for, as a resource with a life of its own.

mod body;
pub(super) mod chunks;
pub(super) mod events;
pub(super) mod plan;
pub(super) mod repair;
mod view;

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use self::{
    body::Spec,
    view::{BackfillPage, BackfillView},
};
use super::{
    Problem,
    body::Body,
    caller::Caller,
    extract::{Params, cursor, name_in_path, page, quoted},
    idempotency,
    openapi::{AssetFilter, Conflicting, Cursor, Limit, NotFound, Refused, Unavailable},
    why::Stated,
};
use crate::{
    app::App,
    backfill::{self, Action, CommandError, Created, Request, Wish},
    market::By,
    store::{BackfillFilter, BackfillState},
};

/// Items in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

const ID: &str = "As `GET /v1/backfills` lists it.";

/// Ask for history
///
/// Either what is wanted, or the `plan_id` of a plan that was looked at before. Two backfills never have
/// the same history in work. With an `Idempotency-Key` the same request may be sent again: it answers
/// with what was created the first time.
#[utoipa::path(
    post,
    path = "/v1/backfills",
    operation_id = "createBackfill",
    tag = "backfills",
    request_body(content = Spec, example = json!({
        "assets": ["BTCUSD"], "timeframes": ["1h"],
        "start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z",
    })),
    params(("idempotency-key" = Option<String>, Header,
        description = "1 to 200 printable characters, new for every intent.", min_length = 1,
        max_length = 200, pattern = "^[!-~]+$", example = "4f1c2e9a-backfill-1")),
    responses(
        (status = 202, description = "It is under way.", body = BackfillView,
            headers(("location" = String, description = "Where to look after it."))),
        (status = 200, description = "It was created before, with the same key.",
            body = BackfillView),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    headers: HeaderMap,
    params: Params,
    Body(spec): Body<Spec>,
) -> Result<Response, Problem> {
    params.finish("")?;
    let read = async || match &spec.plan_id {
        Some(id) => plan::told(&app, &spec, id).await.map(|(request, hash)| (request, Some(hash))),
        None => body::request(&app, &spec).map(|request| (request, None)),
    };
    create_once(&app, (&headers, &by), (&spec, spec.reason.said()), read).await
}

/// Creates what was `said`, unless the same was said before with the same key: then nothing is read
/// again, for the world may have changed since.
async fn create_once(
    app: &Arc<App>,
    (headers, by): (&HeaderMap, &By),
    (said, reason): (&impl Serialize, Option<&str>),
    read: impl AsyncFnOnce() -> Result<(Request, Option<String>), Problem>,
) -> Result<Response, Problem> {
    let said = body::fingerprint(said);
    let key = idempotency::key(headers)?;
    if let Some(created) = backfill::repeated(app, key.as_deref(), &said, by).await? {
        return answer(app, created);
    }
    let (request, plan_hash) = read().await?;
    let wish = Wish {
        request: &request,
        said: &said,
        idempotency_key: key.as_deref(),
        plan_hash: plan_hash.as_deref(),
        reason,
    };
    answer(app, backfill::create(app, &wish, by).await?)
}

fn answer(app: &App, created: Created) -> Result<Response, Problem> {
    let id = created.backfill.id.clone();
    let view = Json(view::view(created.backfill, app.clock.now())?);
    if created.is_repeated {
        return Ok((StatusCode::OK, view).into_response());
    }
    let mut response = (StatusCode::ACCEPTED, view).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/backfills/{id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Every backfill
///
/// Newest first, page by page.
#[utoipa::path(
    get,
    path = "/v1/backfills",
    operation_id = "listBackfills",
    tag = "backfills",
    params(
        ("state" = inline(Option<BackfillState>), Query, description = "As decided; whether requests are still \
            on their way, `state` of each tells."),
        AssetFilter, Cursor, Limit<MOST, USUAL>,
    ),
    responses(
        (status = 200, description = "A page of backfills.", body = BackfillPage),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<BackfillPage>, Problem> {
    let state = params.one_of("state", &BackfillState::ALL, BackfillState::as_str)?;
    let asset = params.get("asset")?;
    let after = params.cursor()?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("state, asset, cursor, limit")?;
    let filter = BackfillFilter { state, asset, after };
    let kept = app.store.backfills(&filter, limit + 1).await?;
    let (kept, next) = page(kept, limit, |last| cursor(last.created_at, &last.id));
    let now = app.clock.now();
    let items: Result<Vec<_>, _> = kept.into_iter().map(|one| view::view(one, now)).collect();
    Ok(Json(BackfillPage { items: items?, next }))
}

/// One backfill
#[utoipa::path(
    get,
    path = "/v1/backfills/{id}",
    operation_id = "showBackfill",
    tag = "backfills",
    params(("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506")),
    responses(
        (status = 200, description = "The backfill.", body = BackfillView),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    BackfillId(id): BackfillId,
    params: Params,
) -> Result<Json<BackfillView>, Problem> {
    params.finish("")?;
    let kept = app.store.backfill(&id).await?.ok_or(CommandError::Unknown(id))?;
    Ok(Json(view::view(kept, app.clock.now())?))
}

/// Hold a backfill up
///
/// It begins nothing more; `pausing` while a request is still on its way. It survives restarts.
#[utoipa::path(
    post,
    path = "/v1/backfills/{id}/pause",
    operation_id = "pauseBackfill",
    tag = "backfills",
    params(("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506")),
    request_body(content = Stated, example = json!({ "reason": "month end" })),
    responses(
        (status = 200, description = "How it stands now.", body = BackfillView),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    BackfillId(id): BackfillId,
    params: Params,
    Body(said): Body<Stated>,
) -> Result<Json<BackfillView>, Problem> {
    act(&app, &id, Action::Pause, (params, said, by)).await
}

/// Go on with a backfill
///
/// At the chunk where it was held up.
#[utoipa::path(
    post,
    path = "/v1/backfills/{id}/resume",
    operation_id = "resumeBackfill",
    tag = "backfills",
    params(("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506")),
    request_body(content = Stated, example = json!({ "reason": "month end" })),
    responses(
        (status = 200, description = "How it stands now.", body = BackfillView),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    BackfillId(id): BackfillId,
    params: Params,
    Body(said): Body<Stated>,
) -> Result<Json<BackfillView>, Problem> {
    act(&app, &id, Action::Resume, (params, said, by)).await
}

/// Give a backfill up
///
/// What has landed stays; what has not is asked for no more.
#[utoipa::path(
    post,
    path = "/v1/backfills/{id}/cancel",
    operation_id = "cancelBackfill",
    tag = "backfills",
    params(("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506")),
    request_body(content = Stated, example = json!({ "reason": "month end" })),
    responses(
        (status = 200, description = "How it stands now.", body = BackfillView),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    BackfillId(id): BackfillId,
    params: Params,
    Body(said): Body<Stated>,
) -> Result<Json<BackfillView>, Problem> {
    act(&app, &id, Action::Cancel, (params, said, by)).await
}

/// Try the failed chunks again
///
/// As often as they were tried the first time.
#[utoipa::path(
    post,
    path = "/v1/backfills/{id}/retry-failed",
    operation_id = "retryBackfill",
    tag = "backfills",
    params(("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506")),
    request_body(content = Stated, example = json!({ "reason": "month end" })),
    responses(
        (status = 200, description = "How it stands now.", body = BackfillView),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(super) async fn retry_failed(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    BackfillId(id): BackfillId,
    params: Params,
    Body(said): Body<Stated>,
) -> Result<Json<BackfillView>, Problem> {
    act(&app, &id, Action::RetryFailed, (params, said, by)).await
}

async fn act(
    app: &App,
    id: &str,
    action: Action,
    (params, said, by): (Params, Stated, By),
) -> Result<Json<BackfillView>, Problem> {
    params.finish("")?;
    let kept = backfill::act(app, id, action, said.reason.said(), &by).await?;
    Ok(Json(view::view(kept, app.clock.now())?))
}

/// The `{id}` of a path; whether there is such a backfill, the store knows.
pub(super) struct BackfillId(String);

impl<S: Send + Sync> FromRequestParts<S> for BackfillId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let fix = "GET /v1/backfills lists the ids";
        name_in_path(parts, state, "id", fix).await.map(Self)
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::Unknown(id) => {
                let what = format!("backfill {}", quoted(&id));
                Self::not_found(&what, "GET /v1/backfills lists them")
            }
            CommandError::Illegal { state, .. } => {
                let allowed: Vec<_> = Action::allowed(state).map(Action::as_str).collect();
                let fix = match &allowed[..] {
                    [] => "nothing can be done with it any more; create another one".to_owned(),
                    allowed => format!("what can be done with it: {}", allowed.join(", ")),
                };
                Self::conflict("illegal_transition", detail).fix(&fix).allowed(&allowed)
            }
            CommandError::Conflicts(conflicts) => {
                let first = conflicts.first();
                let ids = first.map_or_else(String::new, |one| {
                    format!(": {} has {} of {}", one.backfill_id, one.window, one.series)
                });
                Self::conflict("history_in_work", format!("{detail}{ids}"))
                    .fix("wait for it, cancel it, or ask for what it does not have")
            }
            CommandError::Outdated => {
                Self::conflict("plan_outdated", detail).fix("plan again and apply the new plan")
            }
            CommandError::KeyReused => Self::invalid(idempotency::KEY, detail, idempotency::FIX),
            CommandError::TooLarge { .. } => {
                Self::invalid("start", detail, "ask for less history, or fewer assets, at once")
            }
            CommandError::Store(error) => error.into(),
        }
    }
}
