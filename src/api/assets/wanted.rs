//! What an administrator may want of an asset, and what there is not to be had.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::super::{Problem, extract::quoted, why::Why};
use crate::{
    app::App,
    ingest::offered,
    market::{By, InstrumentId, ProviderId, Timeframe},
    store::{KeptAsset, Source},
};

/// What is to be kept of an asset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Wanted {
    /// In which timeframes, each once.
    #[schema(min_items = 1)]
    timeframes: Vec<Timeframe>,
    /// Who is asked, most preferred first. Without it the order stays as it is; null gives an asset
    /// the order of the settings, which also holds for one that is not kept yet.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ProviderId>>, min_items = 1)]
    providers: Order,
    /// Whether it is asked for at present.
    enabled: bool,
    /// Why, for whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

/// What is said of the order in which providers are asked.
#[derive(Debug, Default)]
enum Order {
    /// Nothing: whoever changes something else does not mean it.
    #[default]
    AsItIs,
    OfTheSettings,
    These(Vec<ProviderId>),
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let said = Option::<Vec<ProviderId>>::deserialize(from)?;
        Ok(said.map_or(Self::OfTheSettings, Self::These))
    }
}

/// What is wanted, if it can be had; `kept` is what is kept so far.
pub(super) fn checked(
    app: &App,
    asset: InstrumentId,
    kept: &[KeptAsset],
    wanted: Wanted,
    by: &By,
) -> Result<KeptAsset, Problem> {
    let Wanted { mut timeframes, providers, enabled, reason } = wanted;
    let given = timeframes.len();
    timeframes.sort_unstable();
    timeframes.dedup();
    if timeframes.is_empty() || timeframes.len() < given {
        let detail = "no timeframe is named, or one is named twice";
        return Err(Problem::invalid("timeframes", detail, "name at least one, each once"));
    }
    if let Order::These(order) = &providers {
        check_order(app, order)?;
    }
    let so_far = kept.iter().find(|one| one.asset == asset && !one.removed);
    let providers = match (providers, so_far) {
        (Order::These(order), _) => Some(order),
        (Order::AsItIs, Some(so_far)) => so_far.providers.clone(),
        (Order::AsItIs, None) | (Order::OfTheSettings, _) => {
            app.config.ingest.providers_of.get(&asset).cloned()
        }
    };
    if enabled {
        let order = providers.as_ref().unwrap_or(&app.config.ingest.providers);
        check_offer(app, &asset, &timeframes, order)?;
    }
    Ok(KeptAsset {
        asset,
        timeframes,
        providers,
        enabled,
        removed: false,
        source: Source::Api,
        changed_at: app.clock.now(),
        changed_by: by.actor.clone(),
        reason: reason.into_said(),
    })
}

/// Also who lacks credentials at present may be named.
fn check_order(app: &App, order: &[ProviderId]) -> Result<(), Problem> {
    let lacking: Vec<_> = app.providers.lacking().map(|(provider, _)| provider).collect();
    let known: BTreeSet<&ProviderId> =
        app.providers.iter().map(|provider| provider.id()).chain(lacking).collect();
    let names: Vec<&str> = known.iter().map(|provider| provider.as_str()).collect();
    let fix = format!("name at least one of {}, each once", names.join(", "));
    let distinct: BTreeSet<&ProviderId> = order.iter().collect();
    if let Some(unknown) = order.iter().find(|provider| !known.contains(provider)) {
        let detail = format!("there is no provider {}", quoted(unknown.as_str()));
        return Err(Problem::invalid("providers", detail, &fix));
    }
    if order.is_empty() || distinct.len() < order.len() {
        let detail = "no provider is named, or one is named twice";
        return Err(Problem::invalid("providers", detail, &fix));
    }
    Ok(())
}

/// What nobody has would be asked for in vain for ever.
fn check_offer(
    app: &App,
    asset: &InstrumentId,
    timeframes: &[Timeframe],
    order: &[ProviderId],
) -> Result<(), Problem> {
    let lacks =
        |timeframe: &&Timeframe| offered(asset, **timeframe, order, &app.providers).is_empty();
    let lacking: Vec<&Timeframe> = timeframes.iter().filter(lacks).collect();
    let Some(first) = lacking.first() else { return Ok(()) };
    let asked: Vec<&str> = order.iter().map(ProviderId::as_str).collect();
    let asked = asked.join(", ");
    if lacking.len() < timeframes.len() {
        let detail = format!("none of {asked} offers {asset} in {first}");
        return Err(Problem::invalid("timeframes", detail, "leave the timeframe out"));
    }
    let detail = format!("none of {asked} offers {asset}");
    let needed = app
        .providers
        .lacking()
        .map(|(provider, setting)| format!("or set providers.{provider}.{setting}"));
    let fix = ["name a provider that has it".to_owned()].into_iter().chain(needed);
    Err(Problem::invalid("asset", detail, &fix.collect::<Vec<_>>().join(", ")))
}
