//! `POST /v1/dead-letters/replay` and `/discard`: what was refused is judged again, or given up.

use std::{sync::Arc, time::Instant};

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        body::Body,
        caller::Caller,
        extract::{Params, quoted},
        failed,
        openapi::{Conflicting, NotFound, Refused, Unavailable},
        replicas::not_served,
        why::Why,
    },
    expectation, fingerprint, place, position,
};
use crate::{
    app::App,
    ingest::IngestError,
    jobs::{self, LetterAction, LetterCommand, LetterError, LetterTally, Letters},
    market::{By, Subject},
    store::{DeadLetterFilter, LetterState},
};

/// Ids in one command.
const MOST_IDS: usize = 1_000;

/// Which letters, and what is to be known before.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Decision {
    /// These letters, as `GET /v1/dead-letters` lists them; or else give a filter.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// Every open letter that passes.
    filter: Option<Passing>,
    /// Only says what would happen.
    #[serde(default)]
    dry_run: bool,
    /// How many letters are meant, as a dry run says in `matched`. With a filter nothing is done
    /// without it, nor if there are more or fewer by now.
    #[schema(minimum = 0)]
    expected_count: Option<i64>,
    /// The `next` of an answer that had letters remaining; only with the same filter.
    #[schema(pattern = "^[0-9]{1,16}\\.dl_[0-9a-f]{32}$")]
    cursor: Option<String>,
    /// Why, for whoever wonders later. Nothing is discarded without it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

/// What letters have in common; what is not said does not matter. `{}` means every open letter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Passing {
    /// Of this series or feed.
    series: Option<Subject>,
    /// Refused for this.
    #[schema(pattern = "^[a-z_]+$")]
    expectation: Option<String>,
    /// Of this group.
    #[schema(pattern = "^[a-z0-9_]+\\.[a-z_]+\\.[0-9a-f]+$")]
    fingerprint: Option<String>,
}

/// What has become of the letters; what would, after a dry run.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Tally {
    /// Open letters that are meant. Those that were decided about before are passed over.
    #[schema(minimum = 0)]
    matched: i64,
    /// Letters whose candles are in the lake now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    landed: Option<i64>,
    /// Letters whose candles would land; only after a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    would_land: Option<i64>,
    /// Of which the lake has the same already, or something newer. They are resolved as well.
    #[schema(minimum = 0)]
    unchanged: i64,
    /// That stay open, because the rules of today refuse them too.
    #[schema(minimum = 0)]
    still_refused: i64,
    /// That stay open, because they cannot be read again here.
    #[schema(minimum = 0)]
    not_replayable: i64,
    /// That were given up, or would be.
    #[schema(minimum = 0)]
    discarded: i64,
    /// Not looked at: one command does 10 000 letters at most, and no more than it has time for.
    #[schema(minimum = 0)]
    remaining: i64,
    /// Give it as `cursor` to go on with the same filter; null when nothing remains.
    #[schema(required)]
    next: Option<String>,
    /// Nothing was changed.
    dry_run: bool,
    /// Why letters stay open, twenty different reasons at most.
    reasons: Vec<Because>,
}

/// Why some letters stay open.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Because {
    /// `still_refused` or `not_replayable`.
    outcome: &'static str,
    /// In plain words.
    reason: String,
    /// How many there are.
    #[schema(minimum = 1)]
    letters: i64,
    /// The id of one of them.
    sample: String,
}

/// Judge letters again
///
/// Reads the bytes of each by the rules of today. What passes lands as what it was, received when it
/// was received: it takes the place of nothing newer. What is refused stays open, and says why. Asking
/// twice does nothing twice.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/replay",
    operation_id = "replayDeadLetters",
    tag = "quality",
    request_body(content = Decision, example = json!({
        "filter": { "fingerprint": "coinbase.readable.3bd8ae5b0c4f" },
        "dry_run": true,
    })),
    responses(
        (status = 200, description = "What has become of them.", body = Tally, example = json!({
            "matched": 12,
            "would_land": 9,
            "unchanged": 1,
            "still_refused": 2,
            "not_replayable": 0,
            "discarded": 0,
            "remaining": 0,
            "next": null,
            "dry_run": true,
            "reasons": [{
                "outcome": "still_refused",
                "reason": "high_not_below_low: high 93591.37 is below low 93591.38",
                "letters": 2,
                "sample": "dl_e32f3b996a612fb628c13ced677da6ff",
            }],
        })),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(in crate::api) async fn replay(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    params: Params,
    Body(decision): Body<Decision>,
) -> Result<Json<Tally>, Problem> {
    params.finish("")?;
    decide(app, LetterAction::Replay, decision, by).await
}

/// Give letters up
///
/// They are kept, but not listed as open any more. What is refused again afterwards is open again.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/discard",
    operation_id = "discardDeadLetters",
    tag = "quality",
    request_body(content = Decision, example = json!({
        "ids": ["dl_e32f3b996a612fb628c13ced677da6ff"],
        "reason": "The exchange has confirmed that the row was wrong.",
    })),
    responses(
        (status = 200, description = "What has become of them.", body = Tally, example = json!({
            "matched": 1,
            "landed": 0,
            "unchanged": 0,
            "still_refused": 0,
            "not_replayable": 0,
            "discarded": 1,
            "remaining": 0,
            "next": null,
            "dry_run": false,
            "reasons": [],
        })),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(in crate::api) async fn discard(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    params: Params,
    Body(decision): Body<Decision>,
) -> Result<Json<Tally>, Problem> {
    params.finish("")?;
    if decision.reason.said().is_none() && !decision.dry_run {
        let fix = "add \"reason\": whoever misses the data will ask for it";
        return Err(Problem::invalid("reason", "nothing is discarded without a reason", fix));
    }
    decide(app, LetterAction::Discard, decision, by).await
}

/// A caller who goes away must not leave a landing half done.
async fn decide(
    app: Arc<App>,
    action: LetterAction,
    decision: Decision,
    by: By,
) -> Result<Json<Tally>, Problem> {
    let dry_run = decision.dry_run;
    let which = which(&decision)?;
    let until = Instant::now() + app.config.server.request_timeout / 2;
    let (reason, expected) = (decision.reason.into_said(), decision.expected_count);
    let command = LetterCommand { which, action, dry_run, reason, expected, by, until };
    let lifecycle = app.lifecycle.clone();
    let deciding = app.clone();
    let decided = async move { jobs::decide(&deciding, command).await };
    let tally = match lifecycle.see_through(decided).await.ok_or_else(failed)? {
        Err(
            LetterError::NotServed { provider }
            | LetterError::Ingest(IngestError::NotServed { provider }),
        ) => return Err(not_served(&app, &provider).await),
        tally => tally?,
    };
    Ok(Json(view(tally, dry_run)))
}

fn which(decision: &Decision) -> Result<Letters, Problem> {
    let filter = match (&decision.ids, &decision.filter) {
        (Some(ids), None) => return named(ids, decision),
        (None, Some(filter)) => filter,
        (Some(_), Some(_)) => {
            let detail = "the letters are named already";
            return Err(Problem::invalid("filter", detail, "give either ids or filter"));
        }
        (None, None) => {
            let fix = "give ids, or filter for all that have something in common";
            return Err(Problem::invalid("ids", "no letter is named", fix));
        }
    };
    if decision.expected_count.is_none() && !decision.dry_run {
        let fix = "ask with \"dry_run\": true first, and repeat its `matched` here";
        let detail = "nothing is done to all that pass a filter without their number";
        return Err(Problem::invalid("expected_count", detail, fix));
    }
    let inside = |problem: Problem, field: &str| problem.inside(&format!("filter.{field}"));
    let (name, group) = (filter.expectation.clone(), filter.fingerprint.clone());
    Ok(Letters::All(DeadLetterFilter {
        state: LetterState::Open,
        subject: filter.series.clone(),
        expectation: name.map(expectation).transpose().map_err(|it| inside(it, "expectation"))?,
        fingerprint: group.map(fingerprint).transpose().map_err(|it| inside(it, "fingerprint"))?,
        after: decision.cursor.as_deref().map(position).transpose()?,
    }))
}

fn named(ids: &[String], decision: &Decision) -> Result<Letters, Problem> {
    if ids.is_empty() || ids.len() > MOST_IDS {
        let detail = format!("{} letters are named", ids.len());
        return Err(Problem::invalid("ids", detail, "name 1 to 1000 letters, or give filter"));
    }
    if decision.cursor.is_some() {
        let fix = "leave it out: all letters that are named are meant";
        return Err(Problem::invalid("cursor", "letters that are named have no cursor", fix));
    }
    Ok(Letters::Ids(ids.to_vec()))
}

fn view(tally: LetterTally, dry_run: bool) -> Tally {
    let because =
        |((outcome, reason), (letters, sample))| Because { outcome, reason, letters, sample };
    Tally {
        matched: tally.matched,
        landed: (!dry_run).then_some(tally.landed),
        would_land: dry_run.then_some(tally.landed),
        unchanged: tally.unchanged,
        still_refused: tally.refused,
        not_replayable: tally.not_replayable,
        discarded: tally.discarded,
        remaining: tally.remaining,
        next: tally.next.as_ref().map(place),
        dry_run,
        reasons: tally.reasons.into_iter().map(because).collect(),
    }
}

impl From<LetterError> for Problem {
    fn from(error: LetterError) -> Self {
        let detail = error.to_string();
        match error {
            LetterError::CountChanged { matched, .. } => {
                Self::conflict("count_changed", detail).fix(&format!(
                    "look at them again with \"dry_run\": true, or repeat \"expected_count\": {matched}"
                ))
            }
            LetterError::Unknown { id } => {
                Self::not_found(&format!("dead letter {}", quoted(&id)), "GET /v1/dead-letters lists them")
            }
            LetterError::NotServed { .. } => Self::conflict("not_served", detail)
                .fix("GET /v1/replicas tells which one that is"),
            LetterError::Busy => Self::conflict("busy", detail).fix("try again in a moment"),
            LetterError::Ingest(error) => error.into(),
            LetterError::Store(error) => error.into(),
        }
    }
}
