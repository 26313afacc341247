//! Coinbase as it answers: Exchange candles, what it trades, and its time; and Advanced Trade.

mod advanced;
mod page;
mod question;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use self::{
    page::CandlePage,
    question::{CandleQuery, Refusal, read_bounds, read_granularity},
};
use super::{
    Reply, SimulatedExchange, SimulatedProvider,
    answer::{Answer, Words},
    gate::Gate,
    listing::spelling,
    routes::{Exchange, deliver},
};
use crate::{
    config::Limit,
    market::{AssetClass, InstrumentId},
};

/// How many of the newest candles answer a request without bounds.
const NEWEST_CANDLES: i64 = 350;

pub(super) fn routes() -> Router<Arc<SimulatedExchange>> {
    Router::new()
        .route("/products", get(products))
        .route("/products/{id}/candles", get(candles))
        .route("/time", get(time))
        .route("/api/v3/brokerage/products/{id}/candles", get(advanced::candles))
        .route("/api/v3/brokerage/market/products/{id}/candles", get(advanced::public_candles))
}

struct ExchangeWords;

impl Words for ExchangeWords {
    fn throttled(&self, _above: Option<Limit>) -> Reply {
        Reply::message(429, "Public rate limit exceeded")
    }

    fn failed(&self) -> Reply {
        Reply::message(500, "Internal server error")
    }
}

fn gate(exchange: &SimulatedExchange) -> &Gate {
    exchange.gate(SimulatedProvider::Coinbase)
}

/// `BTC-USD`, if it is spelled like that and traded here.
fn product(exchange: &SimulatedExchange, id: &str) -> Option<InstrumentId> {
    let instrument: InstrumentId = id.parse().ok()?;
    let is_product = is_product(&instrument) && spelling(&instrument) == id;
    (is_product && exchange.market().trades(&instrument)).then_some(instrument)
}

fn is_product(instrument: &InstrumentId) -> bool {
    instrument.asset_class() == AssetClass::Crypto
}

impl SimulatedExchange {
    fn coinbase_candles(&self, id: &str, query: &CandleQuery) -> Answer {
        gate(self).answer(&ExchangeWords, |now| Ok(Box::new(self.coinbase_page(id, query, now)?)))
    }

    /// Published rows, newest first, or what is wrong with the question.
    fn coinbase_page(
        &self,
        id: &str,
        query: &CandleQuery,
        now: DateTime<Utc>,
    ) -> Result<CandlePage, Refusal> {
        let instrument = product(self, id).ok_or(Refusal::NotFound)?;
        let granularity = read_granularity(query.granularity.as_deref())?;
        let now = now.timestamp();
        let (start, end) = match (&query.start, &query.end) {
            (Some(start), Some(end)) => read_bounds(start, end, granularity)?,
            _ => (now - NEWEST_CANDLES * granularity + 1, now),
        };
        let after_end = end.saturating_add(1);
        let market = self.market();
        let divergence = market.divergence_of(SimulatedProvider::Coinbase);
        let rows = market.candles(&instrument, granularity, start, after_end, now);
        let mut rows: Vec<_> = rows.map(|row| row.diverged(divergence)).collect();
        rows.reverse();
        Ok(CandlePage { rows, granularity, now })
    }
}

async fn candles(
    State(exchange): Exchange,
    Path(id): Path<String>,
    Query(query): Query<CandleQuery>,
) -> Response {
    deliver(exchange.coinbase_candles(&id, &query)).await
}

async fn products(State(exchange): Exchange) -> Reply {
    let product = |instrument: &InstrumentId| {
        let (base, quote) = instrument.pair()?;
        is_product(instrument).then(|| {
            json!({
                "id": spelling(instrument),
                "base_currency": base,
                "quote_currency": quote,
                "status": "online",
                "trading_disabled": false,
            })
        })
    };
    gate(&exchange).plainly(&ExchangeWords, || {
        let list: Vec<_> = exchange.market().instruments().filter_map(product).collect();
        Reply::json(200, json!(list).to_string())
    })
}

async fn time(State(exchange): Exchange) -> Reply {
    gate(&exchange).plainly(&ExchangeWords, || {
        let now = exchange.now();
        let epoch = now.timestamp_millis() as f64 / 1_000.0;
        let iso = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        Reply::json(200, json!({ "iso": iso, "epoch": epoch }).to_string())
    })
}

/// Also answers whatever no provider knows.
pub(super) async fn not_found(State(exchange): Exchange) -> Reply {
    match gate(&exchange).admit() {
        Ok(()) => gate(&exchange).refuse(Refusal::NotFound.into()),
        Err(limit) => ExchangeWords.throttled(Some(limit)),
    }
}
