//! `GET /v1/dead-letters/groups`: what was refused, one line for one fault of a provider.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        extract::{Params, cursor, page},
        openapi::{Cursor, Limit, Refused, Unavailable},
    },
    MOST, USUAL, state,
};
use crate::{
    app::App,
    market::ProviderId,
    store::{LetterGroup, LetterState},
};

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GroupPage {
    /// Those that began last come first.
    items: Vec<GroupView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// Letters of one provider that differ in nothing but values.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GroupView {
    /// Its name; give it as `fingerprint` to list its letters.
    fingerprint: String,
    #[schema(value_type = ProviderId)]
    provider: String,
    /// What was not met.
    expectation: String,
    /// The detail of its letters, with `#` for numbers and `…` for what was quoted.
    pattern: String,
    /// Letters nobody has decided about.
    #[schema(minimum = 0)]
    open: i64,
    /// Letters that were accepted after all.
    #[schema(minimum = 0)]
    replayed: i64,
    /// Letters that were given up.
    #[schema(minimum = 0)]
    discarded: i64,
    /// When its first letter was received.
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    /// The id of its first letter.
    sample: String,
}

/// What was refused, by fault
///
/// Letters that differ in nothing but numbers and quoted values are one group. Lists the groups that
/// have letters of a state, open ones unless another is asked for; those that began last come first.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/groups",
    operation_id = "listDeadLetterGroups",
    tag = "quality",
    params(
        ("state" = inline(Option<LetterState>), Query,
            description = "With letters of this state; open ones, unless it is said."),
        Cursor, Limit<MOST, USUAL>,
    ),
    responses(
        (status = 200, description = "A page of groups.", body = GroupPage, example = json!({
            "items": [{
                "fingerprint": "coinbase.high_not_below_low.3bd8ae5b0c4f",
                "provider": "coinbase",
                "expectation": "high_not_below_low",
                "pattern": "high # is below low #",
                "open": 12,
                "replayed": 0,
                "discarded": 3,
                "first_seen_at": "2024-03-06T12:00:30Z",
                "last_seen_at": "2024-03-06T12:45:30Z",
                "sample": "dl_e32f3b996a612fb628c13ced677da6ff",
            }],
            "next": null,
        })),
        Refused,
        Unavailable,
    )
)]
pub(in crate::api) async fn groups(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<GroupPage>, Problem> {
    let state = state(&mut params)?;
    let after = params.cursor()?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("state, cursor, limit")?;
    let after = after.as_ref().map(|(at, name)| (*at, &**name));
    let groups = app.store.dead_letter_groups(state, after, limit + 1).await?;
    let key = |last: &LetterGroup| cursor(last.first_seen_at, &last.fingerprint);
    let (groups, next) = page(groups, limit, key);
    Ok(Json(GroupPage { items: groups.into_iter().map(view).collect(), next }))
}

fn view(group: LetterGroup) -> GroupView {
    GroupView {
        fingerprint: group.fingerprint,
        provider: group.provider,
        expectation: group.expectation,
        pattern: group.pattern,
        open: group.open,
        replayed: group.replayed,
        discarded: group.discarded,
        first_seen_at: group.first_seen_at,
        last_seen_at: group.last_seen_at,
        sample: group.sample_id,
    }
}
