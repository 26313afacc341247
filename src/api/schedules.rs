//! `/v1/schedules`: what happens by itself, held up, let go on, or asked for out of turn.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Problem,
    body::Body,
    caller::Caller,
    extract::{Params, name_in_path, quoted},
    openapi::{NotFound, Refused, Unavailable},
    series::List,
    why::Stated,
};
use crate::{
    app::App,
    error::chain,
    fleet::Duty,
    ingest::{Keeper, Schedule},
    jobs,
    market::{By, Feed},
    store::AuditEntry,
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(super) struct ScheduleView {
    /// What happens.
    name: &'static str,
    /// How often.
    every: String,
    /// Whether it is held up.
    paused: bool,
    /// By whom.
    #[schema(required)]
    paused_by: Option<String>,
    /// Since when it is held up.
    #[schema(required)]
    paused_since: Option<DateTime<Utc>>,
    /// Why it is held up, if that was said.
    #[schema(required)]
    reason: Option<String>,
    /// When it last found something to do, since this replica was started.
    #[schema(required)]
    last_tick_at: Option<DateTime<Utc>>,
    /// When something is due next; null if it is held up or has nothing to do.
    #[schema(required)]
    next_tick_at: Option<DateTime<Utc>>,
}

/// The schedule named in a path.
pub(super) struct Name(Schedule);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = Schedule::ALL.map(Schedule::as_str).join(", ");
        let fix = format!("the schedules are: {names}");
        let name = name_in_path(parts, state, "name", &fix).await?;
        let unknown = || Problem::not_found(&format!("schedule {}", quoted(&name)), &fix);
        Schedule::named(&name).map(Self).ok_or_else(unknown)
    }
}

/// What happens by itself
///
/// Polls by timeframe, repair of what is owed, feeds, comparisons, compaction, maintenance and
/// verification of the lake.
#[utoipa::path(
    get,
    path = "/v1/schedules",
    operation_id = "listSchedules",
    tag = "assets",
    responses(
        (status = 200, description = "Schedules.", body = List<ScheduleView>, example = json!({
            "items": [{
                "name": "poll-1m",
                "every": "1m",
                "paused": true,
                "paused_by": "local",
                "paused_since": "2024-03-06T12:00:30Z",
                "reason": "the exchange is in maintenance",
                "last_tick_at": "2024-03-06T12:00:25Z",
                "next_tick_at": null,
            }],
        })),
        Refused,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<ScheduleView>>, Problem> {
    params.finish("")?;
    let items = Schedule::ALL.map(|schedule| view(&app, schedule));
    Ok(Json(List { items: items.into() }))
}

/// Hold a schedule up
///
/// From its next tick on, on every replica, and also after a restart; what has begun ends. While
/// polls of a timeframe are held up nothing of it is asked for by itself, repairs included. One that
/// is held up already stays so since then.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/pause",
    operation_id = "pauseSchedule",
    tag = "assets",
    params(("name" = String, Path, description = "What happens.", example = "poll-1m")),
    request_body(content = Stated, example = json!({ "reason": "the exchange is in maintenance" })),
    responses(
        (status = 200, description = "How it stands now.", body = ScheduleView, example = json!({
            "name": "poll-1m",
            "every": "1m",
            "paused": true,
            "paused_by": "local",
            "paused_since": "2024-03-06T12:00:30Z",
            "reason": "the exchange is in maintenance",
            "last_tick_at": "2024-03-06T12:00:25Z",
            "next_tick_at": null,
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    Name(schedule): Name,
    params: Params,
    Body(reason): Body<Stated>,
) -> Result<Json<ScheduleView>, Problem> {
    params.finish("")?;
    let reason = reason.reason.into_said();
    let audit = audit(&app, schedule, "schedule.pause", (reason.as_deref(), &by));
    app.store.pause_schedule(schedule.as_str(), reason.as_deref(), &audit).await?;
    told(&app, schedule).await
}

/// Let a schedule go on
///
/// What it missed is made up for by one tick.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/resume",
    operation_id = "resumeSchedule",
    tag = "assets",
    params(("name" = String, Path, description = "What happens.", example = "poll-1m")),
    request_body(content = Stated, example = json!({ "reason": "the exchange is back" })),
    responses(
        (status = 200, description = "How it stands now.", body = ScheduleView, example = json!({
            "name": "poll-1m",
            "every": "1m",
            "paused": false,
            "paused_by": null,
            "paused_since": null,
            "reason": null,
            "last_tick_at": "2024-03-06T12:00:25Z",
            "next_tick_at": "2024-03-06T12:01:20Z",
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    Name(schedule): Name,
    params: Params,
    Body(reason): Body<Stated>,
) -> Result<Json<ScheduleView>, Problem> {
    params.finish("")?;
    let reason = reason.reason.into_said();
    let audit = audit(&app, schedule, "schedule.resume", (reason.as_deref(), &by));
    app.store.resume_schedule(schedule.as_str(), &audit).await?;
    told(&app, schedule).await
}

/// Have a schedule tick now
///
/// Also one that is held up, which stays so.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/trigger",
    operation_id = "triggerSchedule",
    tag = "assets",
    params(("name" = String, Path, description = "What happens.", example = "repair")),
    request_body(content = Stated, example = json!({ "reason": "the provider has mended it" })),
    responses(
        (status = 200, description = "How it stands now.", body = ScheduleView, example = json!({
            "name": "repair",
            "every": "1s",
            "paused": false,
            "paused_by": null,
            "paused_since": null,
            "reason": null,
            "last_tick_at": "2024-03-06T12:00:30Z",
            "next_tick_at": "2024-03-06T12:00:31Z",
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn trigger(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    Name(schedule): Name,
    params: Params,
    Body(reason): Body<Stated>,
) -> Result<Json<ScheduleView>, Problem> {
    params.finish("")?;
    let reason = reason.reason.into_said();
    let audit = audit(&app, schedule, "schedule.trigger", (reason.as_deref(), &by));
    app.store.trigger_schedule(schedule.as_str(), &audit).await?;
    told(&app, schedule).await
}

fn audit(
    app: &App,
    schedule: Schedule,
    command: &str,
    (reason, by): (Option<&str>, &By),
) -> AuditEntry {
    AuditEntry::new(app.clock.now(), by, command, &schedule, json!({ "reason": reason }))
}

/// What holds now is in the store; should it not be read back at once, the next heartbeat does it.
async fn told(app: &Arc<App>, schedule: Schedule) -> Result<Json<ScheduleView>, Problem> {
    if let Err(error) = jobs::take_up(app).await {
        tracing::warn!(%schedule, error = chain(&error), "a decision is not taken up yet");
    }
    Ok(Json(view(app, schedule)))
}

fn view(app: &App, schedule: Schedule) -> ScheduleView {
    let paused = app.schedules.paused(schedule);
    let next = if paused.is_some() { None } else { next_tick_at(app, schedule) };
    ScheduleView {
        name: schedule.as_str(),
        every: every(app, schedule),
        paused: paused.is_some(),
        paused_by: paused.as_ref().map(|paused| paused.by.clone()),
        paused_since: paused.as_ref().map(|paused| paused.since),
        reason: paused.and_then(|paused| paused.reason),
        last_tick_at: app.schedules.last_tick_at(schedule),
        next_tick_at: next,
    }
}

fn every(app: &App, schedule: Schedule) -> String {
    let span = |span: chrono::TimeDelta| {
        humantime::format_duration(span.to_std().unwrap_or_default()).to_string()
    };
    match schedule {
        Schedule::Poll(timeframe) => timeframe.to_string(),
        Schedule::Repair => "1s".to_owned(),
        Schedule::CollectNews => span(app.config.feeds.news_every),
        Schedule::CollectMacro => span(app.config.feeds.indicators_every),
        Schedule::Reconcile => "landing".to_owned(),
        Schedule::Build => span(app.config.models.linger),
        Schedule::Compact => "commit".to_owned(),
        Schedule::Maintain => span(Keeper::EVERY),
        Schedule::Verify => span(chrono::TimeDelta::days(1)),
    }
}

/// As of this replica. What follows upon something else has no time of its own.
fn next_tick_at(app: &App, schedule: Schedule) -> Option<DateTime<Utc>> {
    let now = app.clock.now();
    let of_kind = |kind: &str| {
        let feeds = app.collector.feeds().into_iter().filter(|(feed, _)| feed.kind() == kind);
        feeds.map(|(_, state)| state.due_at).min()
    };
    match schedule {
        Schedule::Poll(timeframe) => jobs::timetable(app, &app.roster()).next(timeframe, now),
        Schedule::Repair => Some(now + chrono::TimeDelta::seconds(1)),
        Schedule::CollectNews => of_kind(Feed::KINDS[0]),
        Schedule::CollectMacro => of_kind(Feed::KINDS[1]),
        Schedule::Maintain => app.keeper.next_at(),
        Schedule::Verify => {
            let next = app.schedules.daily(schedule).max(now);
            app.fleet.holds(&Duty::Lake).then_some(next)
        }
        Schedule::Reconcile | Schedule::Build | Schedule::Compact => None,
    }
}
