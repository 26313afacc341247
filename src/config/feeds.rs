//! `[news]` and `[macro]`: what is collected besides candles, and how often.

use chrono::TimeDelta;

use super::{positive, reader::Reader};
use crate::market::{Feed, Indicator, InstrumentId};

/// Both need an Alpha Vantage key; without one nothing is collected.
#[derive(Debug, Clone)]
pub struct FeedsConfig {
    pub news: Vec<InstrumentId>,
    pub news_every: TimeDelta,
    /// How far back the first collection of an asset begins.
    pub news_history: TimeDelta,
    pub indicators: Vec<Indicator>,
    pub indicators_every: TimeDelta,
}

impl FeedsConfig {
    /// Every feed, and how long after a success it is collected again.
    pub fn feeds(&self) -> impl Iterator<Item = (Feed, TimeDelta)> + '_ {
        let news = self.news.iter().cloned().map(|asset| (Feed::News(asset), self.news_every));
        let indicators = self.indicators.iter().copied();
        news.chain(indicators.map(|one| (Feed::Macro(one), self.indicators_every)))
    }
}

pub(super) fn feeds(read: &mut Reader) -> FeedsConfig {
    FeedsConfig {
        news: read.get("news.assets"),
        news_every: positive(read, "news.every"),
        news_history: positive(read, "news.history"),
        indicators: read.get("macro.indicators"),
        indicators_every: positive(read, "macro.every"),
    }
}
