//! Coinbase Advanced Trade as it answers: the same market with other lengths, words and limits.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, header::AUTHORIZATION},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use super::{gate, product};
use crate::{
    config::Limit,
    simulate::{
        MarketCandle, Reply, SimulatedExchange, SimulatedProvider,
        answer::{Page, Words, newest_closed},
        decimal::decimal,
        fields::{Fields, Nonsense},
        routes::{Exchange, deliver},
    },
};

/// Candle lengths that are offered, and their seconds.
const GRANULARITIES: [(&str, i64); 9] = [
    ("ONE_MINUTE", 60),
    ("FIVE_MINUTE", 300),
    ("FIFTEEN_MINUTE", 900),
    ("THIRTY_MINUTE", 1_800),
    ("ONE_HOUR", 3_600),
    ("TWO_HOUR", 7_200),
    ("FOUR_HOUR", 14_400),
    ("SIX_HOUR", 21_600),
    ("ONE_DAY", 86_400),
];

/// Most candles between the bounds, both of which count.
const MOST_CANDLES: i64 = 350;

/// The query of a request for candles, as text.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct CandleQuery {
    granularity: Option<String>,
    start: Option<String>,
    end: Option<String>,
    limit: Option<String>,
}

/// Why a request is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Product {0} not supported")]
    Product(String),
    #[error(
        "start and end argument is invalid - number of candles requested should be less than 350"
    )]
    TooMany,
    // The real words for these are not known.
    #[error("{0} argument is invalid")]
    Argument(&'static str),
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            // The only answer that is no JSON.
            Refusal::Unauthorized => {
                Self { content_type: "text/plain", ..Self::json(401, "Unauthorized\n") }
            }
            Refusal::Product(_) => {
                let body = json!({ "error": "NOT_FOUND", "message": message });
                Self::json(404, body.to_string())
            }
            Refusal::TooMany | Refusal::Argument(_) => {
                let body = json!({
                    "error": "INVALID_ARGUMENT",
                    "error_details": message,
                    "message": message,
                });
                Self::json(400, body.to_string())
            }
        }
    }
}

struct AdvancedWords;

impl Words for AdvancedWords {
    fn throttled(&self, _above: Option<Limit>) -> Reply {
        let error = json!({ "id": "rate_limit_exceeded", "message": "Too many requests" });
        Reply::json(429, json!({ "errors": [error] }).to_string())
    }

    fn failed(&self) -> Reply {
        Reply::json(500, json!({ "error": "INTERNAL", "message": "internal" }).to_string())
    }
}

/// Candles, newest first.
#[derive(Debug)]
struct CandlePage {
    rows: Vec<MarketCandle>,
    granularity: i64,
    /// The moment of asking, unix seconds.
    now: i64,
}

impl Page for CandlePage {
    fn rows(&mut self) -> &mut Vec<MarketCandle> {
        &mut self.rows
    }

    fn newest_closed(&self) -> i64 {
        newest_closed(self.now, self.granularity)
    }

    fn write(&self, bad_row: Option<(usize, Nonsense)>) -> Reply {
        let rows = self.rows.iter().enumerate().map(|(index, row)| {
            let fields = match bad_row {
                Some((bad, nonsense)) if bad == index => nonsense.of(row, self.now, decimal),
                _ => Fields::of(row, decimal),
            };
            let Fields { open_time, open, high, low, close, volume } = fields;
            let [low, high, open, close, volume] =
                [low, high, open, close, volume].map(|word| word.quoted());
            format!(
                "{{\"start\":\"{open_time}\",\"low\":{low},\"high\":{high},\"open\":{open},\
                 \"close\":{close},\"volume\":{volume}}}"
            )
        });
        let rows: Vec<_> = rows.collect();
        Reply::json(200, format!("{{\"candles\":[{}]}}", rows.join(",")))
    }
}

impl SimulatedExchange {
    /// Published rows, newest first, or what is wrong with the question.
    fn advanced_page(
        &self,
        id: &str,
        query: &CandleQuery,
        now: i64,
    ) -> Result<CandlePage, Refusal> {
        let instrument = product(self, id).ok_or_else(|| Refusal::Product(id.to_owned()))?;
        let asked = query.granularity.as_deref();
        let granularity = GRANULARITIES.iter().find(|(name, _)| Some(*name) == asked);
        let granularity = granularity.ok_or(Refusal::Argument("granularity"))?.1;
        let bound = |name, text: &Option<String>| {
            let seconds: Option<i64> = text.as_deref().and_then(|text| text.parse().ok());
            seconds.ok_or(Refusal::Argument(name))
        };
        let (start, end) = (bound("start", &query.start)?, bound("end", &query.end)?);
        let first = start.div_euclid(granularity) + i64::from(start.rem_euclid(granularity) != 0);
        if end.div_euclid(granularity) - first >= MOST_CANDLES {
            return Err(Refusal::TooMany);
        }
        let limit = match query.limit.as_deref() {
            None => Some(MOST_CANDLES),
            Some(text) => text.parse().ok().filter(|limit| (1..=MOST_CANDLES).contains(limit)),
        };
        let limit = usize::try_from(limit.ok_or(Refusal::Argument("limit"))?).unwrap_or(0);
        let divergence = self.market().divergence_of(SimulatedProvider::Coinbase);
        let rows =
            self.market().candles(&instrument, granularity, start, end.saturating_add(1), now);
        let mut rows: Vec<_> = rows.map(|row| row.diverged(divergence)).collect();
        rows.reverse();
        rows.truncate(limit);
        Ok(CandlePage { rows, granularity, now })
    }
}

/// Any token of three parts will do; whether it is signed well is for the client's own tests.
fn authorized(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|given| given.strip_prefix("Bearer "));
    let is_token = token.is_some_and(|token| {
        token.split('.').count() == 3 && token.split('.').all(|part| !part.is_empty())
    });
    is_token.then_some(()).ok_or(Refusal::Unauthorized)
}

/// For whoever has a key.
pub(super) async fn candles(
    State(exchange): Exchange,
    Path(id): Path<String>,
    Query(query): Query<CandleQuery>,
    headers: HeaderMap,
) -> Response {
    let answer = gate(&exchange).answer(&AdvancedWords, |now| {
        authorized(&headers)?;
        Ok(Box::new(exchange.advanced_page(&id, &query, now.timestamp())?))
    });
    deliver(answer).await
}

/// For everybody.
pub(super) async fn public_candles(
    State(exchange): Exchange,
    Path(id): Path<String>,
    Query(query): Query<CandleQuery>,
) -> Response {
    let answer = gate(&exchange).answer(&AdvancedWords, |now| {
        Ok(Box::new(exchange.advanced_page(&id, &query, now.timestamp())?))
    });
    deliver(answer).await
}

#[cfg(test)]
mod tests;
