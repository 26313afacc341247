//! Alpha Vantage as it answers: one address for everything, and status 200 whatever it means.

mod economy;
mod function;
mod meta;
mod news;
mod page;
mod question;
#[cfg(test)]
mod tests;
mod words;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{self, State},
    response::Response,
    routing::get,
};
use chrono::{DateTime, Utc};

pub(super) use self::function::published;
use self::{
    economy::Indicator,
    function::Function,
    news::Newsroom,
    page::CandlePage,
    question::{Extent, Query, Question},
    words::{KeyWords, Refusal},
};
use super::{
    MarketCandle, SimulatedExchange, SimulatedProvider,
    answer::{Answer, Page, Plain},
    routes::{Exchange, deliver},
};

/// How long after midnight the row of today stops growing in `DIGITAL_CURRENCY_DAILY`, in seconds.
const FROZEN_AFTER: i64 = 180;
const DAY: i64 = 86_400;

pub(super) fn routes() -> Router<Arc<SimulatedExchange>> {
    Router::new().route("/query", get(query))
}

async fn query(
    State(exchange): Exchange,
    extract::Query(query): extract::Query<HashMap<String, String>>,
) -> Response {
    deliver(exchange.alpha_vantage(&Query(query))).await
}

impl SimulatedExchange {
    fn alpha_vantage(&self, query: &Query) -> Answer {
        let words = KeyWords { key: query.get("apikey"), plan: self.config().alpha_vantage_plan };
        let ask = |now| Ok(self.alpha_vantage_page(query, now)?);
        self.gate(SimulatedProvider::AlphaVantage).answer(&words, ask)
    }

    fn alpha_vantage_page(
        &self,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Box<dyn Page>, Refusal> {
        let key = query.get("apikey");
        if key.is_empty() || key.starts_with("bad") {
            return Err(Refusal::Key);
        }
        let name = query.get("function");
        let seed = self.config().seed;
        if let Some(function) = Function::named(name) {
            return Ok(Box::new(self.alpha_vantage_candles(query, function, now)?));
        }
        let reply = if let Some(indicator) = Indicator::named(name) {
            indicator.answer(query, seed, now)
        } else if name == "NEWS_SENTIMENT" {
            let instruments = self.market().instruments().collect();
            Newsroom { seed, instruments }.answer(query, now)
        } else {
            Err(Refusal::UnknownFunction(name.to_owned()))
        };
        Ok(Box::new(Plain::new(reply?)))
    }

    /// Published rows, newest first, or what is wrong with the question.
    fn alpha_vantage_candles(
        &self,
        query: &Query,
        function: Function,
        now: DateTime<Utc>,
    ) -> Result<CandlePage, Refusal> {
        let question = Question::read(query, function, self.config().alpha_vantage_plan, now)?;
        if !self.market().trades(&question.instrument) {
            return Err(Refusal::InvalidCall(function.name().to_owned()));
        }
        let now = now.timestamp();
        let rows = self.newest_rows(&question, now);
        Ok(CandlePage { question, rows, is_close_stamped: false, now })
    }

    /// Looks further and further back until there are enough rows. The running one is among them.
    fn newest_rows(&self, question: &Question, now: i64) -> Vec<MarketCandle> {
        let Question { function, ref instrument, length, extent, .. } = *question;
        let Extent { start, end, most } = extent;
        let market = self.market();
        let divergence = market.divergence_of(SimulatedProvider::AlphaVantage);
        let told = |candle: MarketCandle| function.told(candle.diverged(divergence));
        let oldest = start.max(market.history_start() - DAY);
        let most_slots = i64::try_from(most).unwrap_or(i64::MAX);
        let mut span = most_slots.saturating_mul(2 * length);
        loop {
            let from = end.saturating_sub(span).max(oldest);
            let candles = market.candles(instrument, length, from, end, now);
            let mut rows: Vec<_> = candles.filter_map(told).collect();
            if rows.len() < most && from > oldest {
                span = span.saturating_mul(4);
                continue;
            }
            if function == Function::CryptoDaily {
                let midnight = now - now.rem_euclid(DAY);
                rows.retain(|row| row.open_time != midnight);
                let frozen = now.min(midnight + FROZEN_AFTER);
                rows.extend(market.candle(instrument, DAY, midnight, frozen).and_then(told));
            }
            rows.reverse();
            rows.truncate(most);
            return rows;
        }
    }
}
