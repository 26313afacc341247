//! `GET /v1/replicas`: the daemons that share store and lake, and which does what.

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
use crate::{app::App, fleet::Member, market::ProviderId, store::duty_of};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replica)]
pub(super) struct ReplicaView {
    /// `replica.name` of the daemon.
    name: String,
    /// When the daemon was started.
    started_at: DateTime<Utc>,
    /// Its newest sign of life.
    seen_at: DateTime<Utc>,
    /// Where it listens.
    address: String,
    /// Of the package.
    version: String,
    /// What it does for all at present.
    duties: Vec<DutyView>,
    /// Whether it gave a sign of life within the time of a lease.
    alive: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Duty)]
struct DutyView {
    /// `provider/NAME`, everything that has to do with a provider; `lake`, compaction.
    #[schema(example = "provider/coinbase")]
    name: String,
    /// Grows whenever the duty changes hands.
    token: i64,
    /// When others may take it unless it is renewed; null where there are no others.
    #[schema(required)]
    until: Option<DateTime<Utc>>,
}

/// The daemons that share the work
///
/// Every replica that has ever used this store, ordered by name, with the duties it has at present. A
/// daemon with a store of its own is the only one.
#[utoipa::path(
    get,
    path = "/v1/replicas",
    operation_id = "listReplicas",
    tag = "operations",
    responses(
        (status = 200, description = "Every replica.", body = List<ReplicaView>, example = json!({
            "items": [{
                "name": "barkeep-0",
                "started_at": "2024-03-06T11:58:00Z",
                "seen_at": "2024-03-06T12:00:30Z",
                "address": "127.0.0.1:8380",
                "version": "0.1.0",
                "duties": [{
                    "name": "provider/coinbase",
                    "token": 3,
                    "until": "2024-03-06T12:00:45Z",
                }],
                "alive": true,
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<ReplicaView>>, Problem> {
    params.finish("")?;
    let items = app.fleet.members().await?.into_iter().map(view).collect();
    Ok(Json(List { items }))
}

/// Says which replica a command about a provider has to be sent to.
pub(super) async fn not_served(app: &App, provider: &ProviderId) -> Problem {
    let duty = duty_of(provider);
    let members = match app.fleet.members().await {
        Ok(members) => members,
        Err(error) => return error.into(),
    };
    let has_it = |member: &Member| member.duties.iter().any(|held| held.name == duty);
    let holder = members.into_iter().find(has_it);
    if let Some(Member { name, address, .. }) = holder
        && name != app.fleet.name()
    {
        let detail = format!("{provider} is served by the replica {name}, at {address}");
        return Problem::conflict("not_served", detail).fix("send the command there");
    }
    let detail = format!("{provider} changes from one replica to another at the moment");
    Problem::conflict("not_served", detail)
        .fix("try again in some seconds; GET /v1/replicas tells who serves it by then")
}

fn view(member: Member) -> ReplicaView {
    let duties = member.duties.into_iter().map(|duty| DutyView {
        name: duty.name,
        token: duty.token,
        until: duty.until,
    });
    ReplicaView {
        duties: duties.collect(),
        name: member.name,
        started_at: member.started_at,
        seen_at: member.seen_at,
        address: member.address,
        version: member.version,
        alive: member.is_alive,
    }
}
