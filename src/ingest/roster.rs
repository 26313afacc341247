//! Who is asked for each asset and timeframe, and who stands in.
//!
//! Every provider has series of its own: a row never changes hands, and its ledger tells what this
//! provider was asked and said. The roster only orders them. It is made anew, as a whole, whenever
//! somebody decides what is kept.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::{
    config::{IngestConfig, Keep},
    market::{InstrumentId, ProviderId, Series, Timeframe},
    providers::{Origin, Providers},
    store::{KeptAsset, Source},
};

/// What a series is to the assets that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Always polled and backfilled.
    Kept,
    /// Polled while those before it give nothing.
    StandIn,
    /// It could be asked for, but its asset or its timeframe is not kept at present.
    Disabled,
    /// Nobody asks for it: it was brought in from files, or its asset was never kept.
    Imported,
}

/// The series that can be had of each asset and timeframe, most preferred first.
#[derive(Debug)]
pub struct Roster {
    candidates: BTreeMap<(InstrumentId, Timeframe), Vec<Series>>,
    live: BTreeSet<Series>,
    /// Whoever may be asked: candidates, and those that they are derived from.
    asked: BTreeSet<Series>,
    /// Also those that are not kept at present.
    assets: BTreeSet<InstrumentId>,
    providers: Providers,
}

/// An asset of which nothing can be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "ingest.assets: no provider in ingest.providers that has its credentials offers {asset} in any \
     of ingest.timeframes; add a provider or its key, or leave the asset out"
)]
pub struct NotOffered {
    pub asset: InstrumentId,
}

impl Roster {
    /// Orders what the providers offer of the assets that are kept.
    pub fn new(kept: &[KeptAsset], config: &IngestConfig, providers: &Providers) -> Self {
        let mut candidates = BTreeMap::new();
        for KeptAsset { asset, timeframes, providers: order, .. } in
            kept.iter().filter(|one| one.enabled && !one.removed)
        {
            for timeframe in timeframes {
                let order = order.as_ref().unwrap_or(&config.providers);
                let offered = offered(asset, *timeframe, order, providers);
                if offered.is_empty() {
                    tracing::warn!(%asset, %timeframe, "no provider offers this");
                } else {
                    candidates.insert((asset.clone(), *timeframe), offered);
                }
            }
        }
        let mut live = BTreeSet::new();
        let mut asked = BTreeSet::new();
        for offered in candidates.values() {
            let kept = match config.keep {
                Keep::Preferred => 1,
                Keep::All => offered.len(),
            };
            for (place, series) in offered.iter().enumerate() {
                let lineage = lineage(series, providers);
                if place < kept {
                    live.extend(lineage.iter().cloned());
                }
                asked.extend(lineage);
            }
        }
        let assets = kept.iter().map(|one| one.asset.clone()).collect();
        Self { candidates, live, asked, assets, providers: providers.clone() }
    }

    /// The series that are always kept, and those they are derived from.
    pub fn live(&self) -> impl Iterator<Item = &Series> {
        self.live.iter()
    }

    pub fn is_live(&self, series: &Series) -> bool {
        self.live.contains(series)
    }

    pub fn role(&self, series: &Series) -> Role {
        if self.is_live(series) {
            Role::Kept
        } else if self.asked.contains(series) {
            Role::StandIn
        } else if self.assets.contains(&series.instrument) && self.providers.offer(series).is_some()
        {
            Role::Disabled
        } else {
            Role::Imported
        }
    }

    /// Who can be asked, most preferred first.
    pub fn candidates(&self, asset: &InstrumentId, timeframe: Timeframe) -> &[Series] {
        self.candidates.get(&(asset.clone(), timeframe)).map_or(&[], Vec::as_slice)
    }

    /// Assets and timeframes with their candidates.
    pub fn all(&self) -> impl Iterator<Item = &[Series]> {
        self.candidates.values().map(Vec::as_slice)
    }

    /// Who is asked when `series` gives nothing.
    pub fn stand_in(&self, series: &Series) -> Option<&Series> {
        let candidates = self.candidates(&series.instrument, series.timeframe);
        let at = candidates.iter().position(|candidate| candidate == series)?;
        candidates.get(at + 1)
    }
}

/// The series of an asset that can be had of the providers in `order`.
pub fn offered(
    asset: &InstrumentId,
    timeframe: Timeframe,
    order: &[ProviderId],
    providers: &Providers,
) -> Vec<Series> {
    let series = |provider: &_| Series {
        provider: Clone::clone(provider),
        instrument: asset.clone(),
        timeframe,
    };
    order.iter().map(series).filter(|series| providers.offer(series).is_some()).collect()
}

/// The series, and whatever finer ones it is derived from.
pub fn lineage(series: &Series, providers: &Providers) -> Vec<Series> {
    let mut all = vec![series.clone()];
    while let Some(Origin::Derived { from }) = all.last().and_then(|last| providers.offer(last)) {
        all.push(Series { timeframe: from, ..series.clone() });
    }
    all
}

/// What the settings say is kept, for a store that knows `kept`. Fails if nothing can be had of an
/// asset of which nobody has said otherwise.
pub fn seeds(
    config: &IngestConfig,
    providers: &Providers,
    kept: &[KeptAsset],
    now: DateTime<Utc>,
) -> Result<Vec<KeptAsset>, NotOffered> {
    let mut timeframes = config.timeframes.clone();
    timeframes.sort_unstable();
    timeframes.dedup();
    let decided: BTreeSet<&InstrumentId> =
        kept.iter().filter(|one| one.source == Source::Api).map(|one| &one.asset).collect();
    let mut seeds = Vec::new();
    for asset in config.assets.iter().filter(|asset| !decided.contains(asset)) {
        let order = config.providers_of.get(asset);
        let is_offered = |timeframe: &Timeframe| {
            let order = order.unwrap_or(&config.providers);
            !offered(asset, *timeframe, order, providers).is_empty()
        };
        if !timeframes.iter().any(is_offered) {
            return Err(NotOffered { asset: asset.clone() });
        }
        seeds.push(KeptAsset {
            asset: asset.clone(),
            timeframes: timeframes.clone(),
            providers: order.cloned(),
            enabled: true,
            removed: false,
            source: Source::Config,
            changed_at: now,
            changed_by: "config".to_owned(),
            reason: None,
        });
    }
    for KeptAsset { asset, enabled, source, .. } in kept {
        let is_named = config.assets.contains(asset);
        if *source == Source::Config && !is_named {
            tracing::info!(%asset, "no longer named in ingest.assets, and still kept; DELETE \
                 /v1/assets/{asset} stops it");
        } else if *source == Source::Api && is_named && !enabled {
            tracing::info!(%asset, "named in ingest.assets, and not kept: somebody decided so");
        }
    }
    Ok(seeds)
}
