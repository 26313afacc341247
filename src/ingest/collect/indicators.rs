//! Macroeconomic indicators: an answer holds every period, and what it changes is a revision.

use std::collections::BTreeMap;

use super::{super::IngestError, Collected, Collector, count};
use crate::{
    crash,
    lake::{LakeError, RevisedObservation},
    market::{Feed, Indicator, Observation, Provenance},
    providers::{AlphaVantage, Lane},
};

impl Collector {
    pub(super) async fn collect_indicator(
        &self,
        provider: &AlphaVantage,
        feed: &Feed,
        indicator: Indicator,
    ) -> Result<Collected, IngestError> {
        let answer = provider.observations(indicator, Lane::Repair).await;
        let (judged, provenance, _) = self.judged(feed, answer).await?;
        let refused = judged.refused.len();
        let Some(newest) = judged.valid.last() else {
            return Ok(Collected { refused, ..Collected::default() });
        };
        let mut compactor = self.indicators.lock().await;
        let told = (indicator, &judged.valid[..]);
        let land = || Box::pin(self.try_observations(feed, told, &provenance)) as _;
        let collected = self.land(self.lake.indicators(), land).await?;
        count(&self.metrics, feed.kind(), &collected);
        self.reached(feed, newest.period);
        if collected.landed + collected.revised > 0 {
            crash::point("committed");
            compactor.run_if_alone(&self.fleet);
        }
        Ok(Collected { refused, ..collected })
    }

    /// Appends the periods that are new, and those that say something else than before.
    async fn try_observations(
        &self,
        feed: &Feed,
        (indicator, told): (Indicator, &[Observation]),
        provenance: &Provenance,
    ) -> Result<Collected, LakeError> {
        let table = self.lake.indicators();
        let landed = table.observations(Some(indicator)).await?;
        let known: BTreeMap<_, _> =
            landed.iter().map(|landed| (landed.observation.period, landed)).collect();
        let mut collected = Collected::default();
        let mut news = Vec::new();
        for observation in told {
            let revision = match known.get(&observation.period) {
                None => 0,
                Some(known) if known.observation.has_value_of(observation) => {
                    collected.unchanged += 1;
                    continue;
                }
                Some(known) => known.revision + 1,
            };
            collected.landed += usize::from(revision == 0);
            collected.revised += usize::from(revision > 0);
            news.push(RevisedObservation { observation: observation.clone(), revision });
        }
        if !news.is_empty() {
            let record = self.record(table, feed).await?;
            table.append(record, (indicator, &news), provenance).await?;
        }
        Ok(collected)
    }
}
