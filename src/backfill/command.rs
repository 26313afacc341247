//! What operators do with backfills: each command is written down whole, or refused with a reason.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use uuid::Uuid;

use super::{
    Action, Conflict, Plan, Request,
    plan::{self, plan},
};
use crate::{
    app::App,
    crash,
    error::chain,
    market::{By, Series, Window},
    store::{AuditEntry, BackfillState, KeptBackfill, NewBackfill, StoreError},
};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("there is no backfill {0}")]
    Unknown(String),
    #[error("a backfill that is {} cannot be asked to {}", .state.as_str(), .action.as_str())]
    Illegal { action: Action, state: BackfillState },
    #[error("other backfills have the same history in work")]
    Conflicts(Vec<Conflict>),
    #[error("the plan is no longer true: candles have landed, or been lost, since it was made")]
    Outdated,
    #[error("the same idempotency key came with another request")]
    KeyReused,
    #[error("the plan has {chunks} chunks, which is more than {MOST_CHUNKS}")]
    TooLarge { chunks: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one backfill may consist of.
pub const MOST_CHUNKS: usize = 20_000;

/// How often a command is decided anew because somebody else's came in between.
const ATTEMPTS: usize = 8;

/// A backfill that a request has come to.
#[derive(Debug)]
pub struct Created {
    pub backfill: KeptBackfill,
    /// It was there already: the request was made before, with the same key.
    pub is_repeated: bool,
}

/// How a request came.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    pub request: &'a Request,
    /// The request as it was sent, by which a repetition is known.
    pub said: &'a str,
    pub idempotency_key: Option<&'a str>,
    /// The plan it was made upon must still be true.
    pub plan_hash: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// Plans a request and writes it down, unless it was written down before.
pub async fn create(app: &Arc<App>, wish: &Wish<'_>, by: &By) -> Result<Created, CommandError> {
    for _ in 0..ATTEMPTS {
        let epoch = app.store.backfill_epoch().await?;
        if let Some(created) = repeated(app, wish.idempotency_key, wish.said, by).await? {
            return Ok(created);
        }
        let plan = plan(app, wish.request).await?;
        if let Err(error) = check(wish, &plan) {
            // It may be this very request that was in between.
            if app.store.backfill_epoch().await? == epoch {
                return Err(error);
            }
            continue;
        }
        let new = written(app, wish, key_of(wish.idempotency_key, by), plan);
        let detail = json!({ "request": wish.request, "reason": wish.reason });
        let command = format!("{}.create", new.kind);
        let audit = AuditEntry::new(new.created_at, by, &command, &new.id, detail);
        match app.store.create_backfill(&new, epoch, &audit).await {
            Ok(()) => return begun(app, &new.id).await,
            // Written all the same, if only the answer was lost and it was told again.
            Err(StoreError::MovedOn { .. }) if app.store.backfill(&new.id).await?.is_some() => {
                return begun(app, &new.id).await;
            }
            Err(StoreError::MovedOn { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::MovedOn { what: "the list of backfills" }.into())
}

/// What was created by the same request before, whatever has become of the world since.
pub async fn repeated(
    app: &App,
    idempotency_key: Option<&str>,
    said: &str,
    by: &By,
) -> Result<Option<Created>, CommandError> {
    let Some(key) = key_of(idempotency_key, by) else { return Ok(None) };
    match app.store.backfill_of_key(&key).await? {
        Some(backfill) if backfill.request_hash == said => {
            Ok(Some(Created { backfill, is_repeated: true }))
        }
        Some(_) => Err(CommandError::KeyReused),
        None => Ok(None),
    }
}

/// Two callers may think of the same key.
fn key_of(idempotency_key: Option<&str>, by: &By) -> Option<String> {
    idempotency_key.map(|key| format!("{}/{key}", by.actor))
}

/// Whether a plan may be carried out.
fn check(wish: &Wish<'_>, plan: &Plan) -> Result<(), CommandError> {
    if wish.plan_hash.is_some_and(|hash| hash != plan.hash(wish.request)) {
        return Err(CommandError::Outdated);
    }
    if !plan.conflicts.is_empty() {
        return Err(CommandError::Conflicts(plan.conflicts.clone()));
    }
    if plan.chunks.len() > MOST_CHUNKS {
        return Err(CommandError::TooLarge { chunks: plan.chunks.len() });
    }
    Ok(())
}

async fn begun(app: &App, id: &str) -> Result<Created, CommandError> {
    crash::point("backfill_created");
    // It is written down; whatever is not told at once is told by the next tick.
    if let Err(error) = super::work::tick(app).await {
        tracing::warn!(error = chain(&error), "a backfill was created and not looked after yet");
    }
    app.running.changed();
    Ok(Created { backfill: find(app, id).await?, is_repeated: false })
}

fn written(app: &App, wish: &Wish<'_>, key: Option<String>, plan: Plan) -> NewBackfill {
    let units = plan.units.iter().filter(|unit| unit.chunks > 0);
    NewBackfill {
        id: format!("bf_{}", Uuid::now_v7().simple()),
        kind: wish.request.kind.as_str(),
        request: serde_json::to_string(wish.request).unwrap_or_default(),
        request_hash: wish.said.to_owned(),
        idempotency_key: key,
        priority: wish.request.priority.rank(),
        reason: wish.reason.map(str::to_owned),
        created_at: app.clock.now(),
        series: units.map(|unit| (unit.series.clone(), unit.window)).collect(),
        chunks: plan.chunks,
    }
}

/// Does one thing with a backfill; what is so already is left so.
pub async fn act(
    app: &App,
    id: &str,
    action: Action,
    reason: Option<&str>,
    by: &By,
) -> Result<KeptBackfill, CommandError> {
    for _ in 0..ATTEMPTS {
        let backfill = find(app, id).await?;
        let from = backfill.state;
        let to = action.apply(from).ok_or(CommandError::Illegal { action, state: from })?;
        let is_retry = action == Action::RetryFailed && backfill.chunks.failed > 0;
        if from == to && !is_retry {
            return Ok(backfill);
        }
        let detail = json!({ "from": from.as_str(), "to": to.as_str(), "reason": reason });
        let command = format!("backfill.{}", action.as_str());
        let audit = AuditEntry::new(app.clock.now(), by, &command, &id, detail);
        let done = if is_retry {
            let epoch = app.store.backfill_epoch().await?;
            if !from.is_open() {
                free(app, id).await?;
            }
            app.store.retry_backfill(id, (from, to), epoch, &audit).await
        } else {
            app.store.turn_backfill(id, (from, to), reason, &audit).await
        };
        match done {
            Err(StoreError::MovedOn { .. }) => continue,
            done => done?,
        }
        if matches!(to, BackfillState::Paused | BackfillState::Cancelled) {
            app.running.halt(id);
        }
        leave_history(app).await?;
        app.running.changed();
        return find(app, id).await;
    }
    Err(StoreError::MovedOn { what: "the backfill" }.into())
}

/// Whether no other backfill has the history of this one in work.
async fn free(app: &App, id: &str) -> Result<(), CommandError> {
    let in_work = app.store.history_in_work().await?;
    let of_series = |(series, window)| plan::conflicts(&series, window, &in_work);
    let conflicts: Vec<_> =
        app.store.history_of(id).await?.into_iter().flat_map(of_series).collect();
    if conflicts.is_empty() { Ok(()) } else { Err(CommandError::Conflicts(conflicts)) }
}

async fn find(app: &App, id: &str) -> Result<KeptBackfill, CommandError> {
    app.store.backfill(id).await?.ok_or_else(|| CommandError::Unknown(id.to_owned()))
}

/// Leaves to backfills what they have in work, and nothing else.
pub(super) async fn leave_history(app: &App) -> Result<(), StoreError> {
    let _turn = app.running.telling.lock().await;
    let mut taken: BTreeMap<Series, Vec<Window>> = BTreeMap::new();
    for (series, window, _) in app.store.history_in_work().await? {
        taken.entry(series).or_default().push(window);
    }
    for book in app.books.all() {
        let windows = taken.remove(book.series()).unwrap_or_default();
        if book.with_taken(|_, known| *known != *windows) {
            book.leave_to_backfills(windows);
        }
    }
    Ok(())
}
