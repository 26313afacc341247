//! `/v1/assets`: what is kept, and how an administrator decides otherwise while the daemon runs.

mod wanted;

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

use self::wanted::{Wanted, checked};
use super::{
    Problem,
    body::Body,
    caller::Caller,
    extract::{Params, name_in_path, unreadable},
    openapi::{NotFound, Refused, Unavailable},
    series::List,
    why::Why,
};
use crate::{
    app::App,
    error::chain,
    jobs,
    market::{AssetClass, InstrumentId, ProviderId, Series, Timeframe},
    store::{AuditEntry, KeptAsset, Source},
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeptAsset)]
pub(super) struct AssetView {
    asset: InstrumentId,
    asset_class: AssetClass,
    /// Finest first.
    timeframes: Vec<Timeframe>,
    /// Who is asked, most preferred first; null where the order of the settings holds.
    #[schema(required)]
    providers: Option<Vec<ProviderId>>,
    /// Whether it is asked for at present.
    enabled: bool,
    /// `config` while nobody has said otherwise, then `api`.
    #[schema(value_type = String)]
    source: Source,
    /// When it was last decided upon.
    changed_at: DateTime<Utc>,
    /// Who decided.
    changed_by: String,
    /// Why, if that was said.
    #[schema(required)]
    reason: Option<String>,
    /// Who answers for each timeframe now.
    serving: Vec<Serving>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Serving {
    timeframe: Timeframe,
    /// The series to read; null if nobody has it or the asset is not asked for.
    #[schema(required)]
    series: Option<Series>,
}

/// The asset named in a path.
pub(super) struct AssetName(InstrumentId);

impl<S: Send + Sync> FromRequestParts<S> for AssetName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let fix = "write it in letters and digits";
        let name = name_in_path(parts, state, "asset", fix).await?;
        name.parse().map(Self).map_err(|error| unreadable("asset", &error))
    }
}

/// What is kept, asset by asset
///
/// The settings say what is kept at first. What is decided here holds from then on, also after a
/// restart with the same settings.
#[utoipa::path(
    get,
    path = "/v1/assets",
    operation_id = "listAssets",
    tag = "assets",
    responses(
        (status = 200, description = "Assets.", body = List<AssetView>, example = json!({
            "items": [{
                "asset": "BTCUSD",
                "asset_class": "crypto",
                "timeframes": ["1m", "1h"],
                "providers": null,
                "enabled": true,
                "source": "config",
                "changed_at": "2024-03-06T12:00:30Z",
                "changed_by": "config",
                "reason": null,
                "serving": [
                    { "timeframe": "1m", "series": "coinbase/BTCUSD/1m" },
                    { "timeframe": "1h", "series": "coinbase/BTCUSD/1h" },
                ],
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<AssetView>>, Problem> {
    params.finish("")?;
    let kept = app.store.kept_assets().await?;
    let items = kept.into_iter().filter(|one| !one.removed).map(|one| view(&app, one)).collect();
    Ok(Json(List { items }))
}

/// Keep an asset
///
/// Says all of what is kept of it: saying it twice is the same as once. It holds at once, on every
/// replica within seconds, and after a restart. Candles that are in the lake stay there, whatever is
/// no longer kept; what was missed while an asset was not kept is owed, as far back as history is.
/// The order of its providers stays as it is, unless it is said.
#[utoipa::path(
    put,
    path = "/v1/assets/{asset}",
    operation_id = "keepAsset",
    tag = "assets",
    params(("asset" = String, Path, description = "What is traded.", example = "SOLUSD")),
    request_body(content = Wanted, example = json!({
        "timeframes": ["1m", "1h"], "enabled": true, "reason": "the new strategy trades it",
    })),
    responses(
        (status = 200, description = "What is kept of it now.", body = AssetView, example = json!({
            "asset": "SOLUSD",
            "asset_class": "crypto",
            "timeframes": ["1m", "1h"],
            "providers": null,
            "enabled": true,
            "source": "api",
            "changed_at": "2024-03-06T12:00:30Z",
            "changed_by": "local",
            "reason": "the new strategy trades it",
            "serving": [
                { "timeframe": "1m", "series": "coinbase/SOLUSD/1m" },
                { "timeframe": "1h", "series": "coinbase/SOLUSD/1h" },
            ],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn keep(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    AssetName(asset): AssetName,
    params: Params,
    Body(wanted): Body<Wanted>,
) -> Result<Json<AssetView>, Problem> {
    params.finish("")?;
    let kept = checked(&app, asset, &app.store.kept_assets().await?, wanted, &by)?;
    let detail = json!({
        "timeframes": kept.timeframes,
        "providers": kept.providers,
        "enabled": kept.enabled,
        "reason": kept.reason,
    });
    let audit = AuditEntry::new(kept.changed_at, &by, "asset.keep", &kept.asset, detail);
    app.store.keep_asset(&kept, &audit).await?;
    told(&app, kept.asset).await
}

/// Stop keeping an asset
///
/// Nobody asks for it any more, also if the settings name it. Its candles stay in the lake and can be
/// read; `PUT` keeps it again.
#[utoipa::path(
    delete,
    path = "/v1/assets/{asset}",
    operation_id = "removeAsset",
    tag = "assets",
    params(
        ("asset" = String, Path, description = "What is traded.", example = "SOLUSD"),
        ("reason" = Option<String>, Query, description = "For whoever wonders later.",
            example = "delisted"),
    ),
    responses(
        (status = 200, description = "What was kept of it.", body = AssetView, example = json!({
            "asset": "SOLUSD",
            "asset_class": "crypto",
            "timeframes": ["1m"],
            "providers": null,
            "enabled": false,
            "source": "api",
            "changed_at": "2024-03-06T12:00:30Z",
            "changed_by": "local",
            "reason": "delisted",
            "serving": [{ "timeframe": "1m", "series": null }],
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    AssetName(asset): AssetName,
    mut params: Params,
) -> Result<Json<AssetView>, Problem> {
    let why = Why::asked(params.text("reason"))?;
    params.finish("reason")?;
    let kept = app.store.kept_assets().await?;
    if !kept.iter().any(|one| one.asset == asset && !one.removed) {
        let what = format!("asset {asset} that is kept");
        return Err(Problem::not_found(&what, "GET /v1/assets lists them"));
    }
    let detail = json!({ "reason": why.said() });
    let audit = AuditEntry::new(app.clock.now(), &by, "asset.remove", &asset, detail);
    app.store.remove_asset(&asset, why.said(), &audit).await?;
    told(&app, asset).await
}

/// What holds now is in the store; should it not be read back at once, the next heartbeat does it.
async fn told(app: &Arc<App>, asset: InstrumentId) -> Result<Json<AssetView>, Problem> {
    if let Err(error) = jobs::take_up(app).await {
        tracing::warn!(%asset, error = chain(&error), "a decision is not taken up yet");
    }
    let kept = app.store.kept_assets().await?;
    let kept = kept.into_iter().find(|one| one.asset == asset);
    let unknown = || Problem::not_found(&format!("asset {asset}"), "GET /v1/assets lists them");
    Ok(Json(view(app, kept.ok_or_else(unknown)?)))
}

fn view(app: &App, kept: KeptAsset) -> AssetView {
    let serving = kept.timeframes.iter().map(|timeframe| Serving {
        timeframe: *timeframe,
        series: app.on_duty(&kept.asset, *timeframe),
    });
    AssetView {
        serving: serving.collect(),
        asset_class: kept.asset.asset_class(),
        asset: kept.asset,
        timeframes: kept.timeframes,
        providers: kept.providers,
        enabled: kept.enabled,
        source: kept.source,
        changed_at: kept.changed_at,
        changed_by: kept.changed_by,
        reason: kept.reason,
    }
}
