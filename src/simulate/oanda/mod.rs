//! Oanda v20 as it answers: candles of currencies and metals, and what a token has access to.

mod alignment;
mod page;
mod question;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, header::AUTHORIZATION},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};

pub(super) use self::page::at_side;
use self::{
    page::CandlePage,
    question::{CandleQuery, Extent, Question, Refusal},
};
use super::{
    MarketCandle, Reply, SimulatedExchange, SimulatedProvider,
    answer::{Answer, Words},
    gate::Gate,
    routes::{Exchange, deliver},
};
use crate::{
    config::Limit,
    market::{AssetClass, InstrumentId},
};

/// The one account of every token.
const ACCOUNT: &str = "101-004-1234567-001";

/// Candles before a closed session that come again when it repeats them.
const REPEATED: i64 = 5;

pub(super) fn routes() -> Router<Arc<SimulatedExchange>> {
    Router::new()
        .route("/v3/instruments/{instrument}/candles", get(candles))
        .route("/v3/accounts", get(accounts))
        .route("/v3/accounts/{account}/instruments", get(instruments))
}

struct OandaWords;

impl Words for OandaWords {
    // The real body of a 429 is not known.
    fn throttled(&self, _above: Option<Limit>) -> Reply {
        refused(429, "Too many requests")
    }

    fn failed(&self) -> Reply {
        refused(500, "Internal Server Error")
    }
}

fn refused(status: u16, message: &str) -> Reply {
    reply(status, json!({ "errorMessage": message }).to_string())
}

/// Every answer names itself in a header.
fn reply(status: u16, body: String) -> Reply {
    let request = "42359180358046734".to_owned();
    Reply { content_type: "application/json", ..Reply::json(status, body) }
        .with("RequestID", request)
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        refused(refusal.status(), &refusal.to_string())
    }
}

fn gate(exchange: &SimulatedExchange) -> &Gate {
    exchange.gate(SimulatedProvider::Oanda)
}

/// Any token will do, except one that begins with `bad`.
fn authorized(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|given| given.strip_prefix("Bearer "));
    let is_good = token.is_some_and(|token| !token.is_empty() && !token.starts_with("bad"));
    is_good.then_some(()).ok_or(Refusal::Authorization)
}

/// `EUR_USD`, if it is spelled like that and traded here.
fn instrument(exchange: &SimulatedExchange, name: &str) -> Option<InstrumentId> {
    let instrument: InstrumentId = name.parse().ok()?;
    let is_known = exchange.market().trades(&instrument);
    (is_known && name_of(&instrument).as_deref() == Some(name)).then_some(instrument)
}

fn name_of(instrument: &InstrumentId) -> Option<String> {
    let (base, quote) = instrument.pair()?;
    (instrument.asset_class() == AssetClass::Fx).then(|| format!("{base}_{quote}"))
}

impl SimulatedExchange {
    fn oanda_candles(&self, name: &str, query: &CandleQuery, headers: &HeaderMap) -> Answer {
        gate(self).answer(&OandaWords, |now| {
            authorized(headers)?;
            Ok(Box::new(self.oanda_page(name, query, headers, now.timestamp())?))
        })
    }

    fn oanda_page(
        &self,
        name: &str,
        query: &CandleQuery,
        headers: &HeaderMap,
        now: i64,
    ) -> Result<CandlePage, Refusal> {
        let instrument = instrument(self, name).ok_or(Refusal::Invalid("instrument"))?;
        let Question { granularity, grid, prices, extent } = query.read(now)?;
        let market = self.market();
        let divergence = market.divergence_of(SimulatedProvider::Oanda);
        let between = |first: i64, end: i64| -> Vec<MarketCandle> {
            let first = grid.floor(first.max(market.history_start()));
            let candles = market.buckets(&instrument, grid.buckets(first, end), now);
            candles.map(|candle| candle.diverged(divergence)).collect()
        };
        // Closed sessions have no candles: twice as many places and a long weekend are enough.
        let back = |count: i64, end: i64| {
            let first = end - 2 * count * grid.length - 5 * 86_400;
            let mut candles = between(first, end);
            candles.split_off(candles.len().saturating_sub(usize::try_from(count).unwrap_or(0)))
        };
        let (rows, end) = match extent {
            Extent::Between { first, end } => (between(first, end), end),
            Extent::Back { count, end } => (back(count, end), end),
        };
        let repeats = gate(self).faults().weekend_repeat > 0.0 && rows.is_empty();
        let before_the_close = if repeats { back(REPEATED, end) } else { Vec::new() };
        let format = headers.get("Accept-Datetime-Format");
        Ok(CandlePage {
            instrument: name.to_owned(),
            granularity,
            grid,
            prices,
            rows,
            before_the_close,
            now,
            lateness: 0,
            is_unix: format.is_some_and(|format| format == "UNIX"),
        })
    }
}

async fn candles(
    State(exchange): Exchange,
    Path(name): Path<String>,
    Query(query): Query<CandleQuery>,
    headers: HeaderMap,
) -> Response {
    deliver(exchange.oanda_candles(&name, &query, &headers)).await
}

async fn accounts(State(exchange): Exchange, headers: HeaderMap) -> Reply {
    tell(&exchange, &headers, || Ok(json!({ "accounts": [{ "id": ACCOUNT, "tags": [] }] })))
}

async fn instruments(
    State(exchange): Exchange,
    Path(account): Path<String>,
    headers: HeaderMap,
) -> Reply {
    let about = |instrument: &InstrumentId| {
        let name = name_of(instrument)?;
        let is_metal = name.starts_with('X');
        Some(json!({
            "name": name,
            "type": if is_metal { "METAL" } else { "CURRENCY" },
            "displayName": name.replace('_', "/"),
            "pipLocation": -4,
            "displayPrecision": 5,
        }))
    };
    tell(&exchange, &headers, || {
        if account != ACCOUNT {
            return Err(Refusal::Invalid("accountID"));
        }
        let list: Vec<_> = exchange.market().instruments().filter_map(about).collect();
        Ok(json!({ "instruments": list, "lastTransactionID": "1" }))
    })
}

/// Answers what is not about candles; no fault concerns it.
fn tell(
    exchange: &SimulatedExchange,
    headers: &HeaderMap,
    about: impl FnOnce() -> Result<Value, Refusal>,
) -> Reply {
    let gate = gate(exchange);
    if let Err(limit) = gate.admit() {
        return OandaWords.throttled(Some(limit));
    }
    match authorized(headers).and_then(|()| about()) {
        Ok(told) => gate.serve(reply(200, told.to_string())),
        Err(refusal) => gate.refuse(refusal.into()),
    }
}
