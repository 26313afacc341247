//! Articles: asked for from the newest one in the lake on, page by page.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{super::IngestError, Collected, Collector, count};
use crate::{
    crash,
    lake::LakeError,
    market::{Feed, InstrumentId, Mention, Provenance, Timeframe, Window},
    providers::{AlphaVantage, Lane, ProviderError},
};

/// Articles are listed when they have been read by the provider, which may be hours after they were
/// published; so the last day is asked for again.
const OVERLAP: TimeDelta = TimeDelta::days(1);

impl Collector {
    pub(super) async fn collect_news(
        &self,
        provider: &AlphaVantage,
        feed: &Feed,
        asset: &InstrumentId,
    ) -> Result<Collected, IngestError> {
        let until = self.clock.now();
        let newest = self.newest(feed).await?.map(|newest| newest.min(until) - OVERLAP);
        let mut from = newest.unwrap_or(until - self.config.news_history);
        let mut collected = Collected::default();
        while from < until {
            if self.lifecycle.is_stopping() {
                return Err(IngestError::Stopping);
            }
            let answer = provider.news(asset, Window::new(from, until), Lane::Repair).await;
            let (judged, provenance, more_from) = self.judged(feed, answer).await?;
            collected.refused += judged.refused.len();
            collected += self.land_mentions(feed, (asset, &judged.valid), &provenance).await?;
            let Some(reached) = more_from else { break };
            from = next_page(feed, from, reached)?;
        }
        Ok(collected)
    }

    async fn land_mentions(
        &self,
        feed: &Feed,
        (asset, mentions): (&InstrumentId, &[Mention]),
        provenance: &Provenance,
    ) -> Result<Collected, IngestError> {
        let Some(newest) = mentions.last().map(|mention| mention.published_at) else {
            return Ok(Collected::default());
        };
        let mut compactor = self.news.lock().await;
        let table = self.lake.news();
        let land = || Box::pin(self.try_mentions(feed, (asset, mentions), provenance)) as _;
        let collected = self.land(table, land).await?;
        count(&self.metrics, feed.kind(), &collected);
        self.reached(feed, newest);
        if collected.landed > 0 {
            crash::point("committed");
            compactor.run_if_alone(&self.fleet);
        }
        Ok(collected)
    }

    /// Appends the articles that have not landed for the asset.
    async fn try_mentions(
        &self,
        feed: &Feed,
        (asset, mentions): (&InstrumentId, &[Mention]),
        provenance: &Provenance,
    ) -> Result<Collected, LakeError> {
        let table = self.lake.news();
        let articles: BTreeSet<String> = mentions.iter().map(Mention::article_id).collect();
        let landed = table.landed(asset, &articles).await?;
        let is_news = |mention: &&Mention| !landed.contains(&mention.article_id());
        let news: Vec<Mention> = mentions.iter().filter(is_news).cloned().collect();
        if !news.is_empty() {
            let record = self.record(table, feed).await?;
            table.append(record, (asset, &news), provenance).await?;
        }
        let unchanged = mentions.len() - news.len();
        Ok(Collected { landed: news.len(), unchanged, ..Collected::default() })
    }
}

/// A page begins with the minute in which the one before ended, unless it was of that minute alone:
/// then the rest of it is not to be had.
fn next_page(
    feed: &Feed,
    from: DateTime<Utc>,
    reached: DateTime<Utc>,
) -> Result<DateTime<Utc>, ProviderError> {
    let (from, next) = (Timeframe::M1.floor(from), Timeframe::M1.floor(reached));
    if next < from {
        // Whoever ignores where to begin would be asked the same once per minute of the window.
        let detail = format!("a full answer ends at {reached}, before it was to begin, {from}");
        return Err(ProviderError::Malformed { detail, body: bytes::Bytes::new() });
    }
    if next > from {
        return Ok(next);
    }
    tracing::warn!(%feed, minute = %from, "a minute has more articles than one answer holds");
    Ok(from + Timeframe::M1.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_always_go_on() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let feed = "alpha_vantage/news/BTCUSD".parse().unwrap();
        let (from, later) = (at("2024-03-06T10:00:20Z"), at("2024-03-06T11:30:40Z"));
        assert_eq!(next_page(&feed, from, later).unwrap(), at("2024-03-06T11:30:00Z"));
        for reached in [from, at("2024-03-06T10:00:59Z")] {
            let next = next_page(&feed, from, reached).unwrap();
            assert_eq!(next, at("2024-03-06T10:01:00Z"), "{reached}");
        }
        let before = next_page(&feed, from, at("2024-03-06T09:00:00Z"));
        assert!(matches!(before, Err(ProviderError::Malformed { .. })), "{before:?}");
    }
}
