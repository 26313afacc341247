//! Who is asked for each asset and timeframe, and who stands in.
//!
//! Every provider has series of its own: a row never changes hands, and its ledger tells what this
//! provider was asked and said. The roster only orders them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{IngestConfig, Keep},
    market::{InstrumentId, Series, Timeframe},
    providers::{Origin, Providers},
};

/// What a series is to the assets that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Always polled and backfilled.
    Kept,
    /// Polled while those before it give nothing.
    StandIn,
    /// Nobody asks for it: it was brought in from files, or is no longer configured.
    Imported,
}

/// The series that can be had of each asset and timeframe, most preferred first.
#[derive(Debug)]
pub struct Roster {
    candidates: BTreeMap<(InstrumentId, Timeframe), Vec<Series>>,
    live: BTreeSet<Series>,
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
    /// Orders what the providers offer of the configured assets.
    pub fn new(config: &IngestConfig, providers: &Providers) -> Result<Self, NotOffered> {
        let mut candidates = BTreeMap::new();
        for asset in &config.assets {
            for timeframe in &config.timeframes {
                let offered = offered(asset, *timeframe, config, providers);
                if offered.is_empty() {
                    tracing::warn!(%asset, %timeframe, "no provider offers this");
                    continue;
                }
                candidates.insert((asset.clone(), *timeframe), offered);
            }
            if !candidates.keys().any(|(known, _)| known == asset) {
                return Err(NotOffered { asset: asset.clone() });
            }
        }
        let mut live = BTreeSet::new();
        for offered in candidates.values() {
            let kept = match config.keep {
                Keep::Preferred => 1,
                Keep::All => offered.len(),
            };
            for series in &offered[..kept] {
                live.extend(lineage(series, providers));
            }
        }
        Ok(Self { candidates, live })
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
            return Role::Kept;
        }
        let candidates = self.candidates(&series.instrument, series.timeframe);
        if candidates.contains(series) { Role::StandIn } else { Role::Imported }
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

fn offered(
    asset: &InstrumentId,
    timeframe: Timeframe,
    config: &IngestConfig,
    providers: &Providers,
) -> Vec<Series> {
    let series = |provider: &_| Series {
        provider: Clone::clone(provider),
        instrument: asset.clone(),
        timeframe,
    };
    let order = config.providers_of.get(asset).unwrap_or(&config.providers);
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
