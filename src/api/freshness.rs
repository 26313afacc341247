//! `GET /v1/freshness`: may this be traded upon? Answered from memory.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, find, unreadable},
    openapi::{NotFound, NotModified, Refused, SeriesList},
    series, tagged,
    tagged::json,
};
use crate::{
    app::App,
    ingest::{Book, Role},
    market::Series,
    query::{Answer, Freshness, Part, Verdict},
};

pub(super) const PATH: &str = "/v1/freshness";

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FreshnessList<'a> {
    /// The instant all verdicts are about, in whole seconds.
    as_of: DateTime<Utc>,
    #[schema(value_type = Vec<FreshnessView>)]
    items: Vec<&'a RawValue>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FreshnessView {
    series: Series,
    role: Role,
    verdict: Verdict,
    /// Open time of the newest candle in the lake.
    #[schema(required)]
    last_candle: Option<DateTime<Utc>>,
    /// Open time of the newest candle that should be there by now.
    #[schema(required)]
    expected_candle: Option<DateTime<Utc>>,
    /// Candles expected after the newest stretch without a gap and not accounted for.
    lag_candles: i64,
    /// Since the newest candle closed; the true age, whatever the market does.
    #[schema(required)]
    age_seconds: Option<i64>,
    /// How long the oldest of the missing candles has been due; 0 if none is.
    overdue_seconds: i64,
    /// The series is stale when it is overdue by more than this.
    stale_after_seconds: i64,
    /// Every candle that opens before it is accounted for.
    watermark: DateTime<Utc>,
    market_open: bool,
}

/// May this be traded upon?
///
/// One verdict per series, by the candles that should exist, never by when something was written.
/// Answered from memory. The `ETag` stays the same while nothing but the time has changed, so a 304
/// says that every verdict still holds.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listFreshness",
    tag = "candles",
    params(SeriesList),
    responses(
        (status = 200, description = "Verdicts.", body = FreshnessList, example = json!({
            "as_of": "2024-03-06T12:00:30Z",
            "items": [{
                "series": "coinbase/BTCUSD/1m",
                "role": "kept",
                "verdict": "fresh",
                "last_candle": "2024-03-06T11:59:00Z",
                "expected_candle": "2024-03-06T11:59:00Z",
                "lag_candles": 0,
                "age_seconds": 30,
                "overdue_seconds": 0,
                "stale_after_seconds": 300,
                "watermark": "2024-03-06T12:00:00Z",
                "market_open": true,
            }],
        })),
        NotModified,
        Refused,
        NotFound,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Candles close and settle at whole seconds, so that nothing happens within one that the books do
    // not know; those who ask in the same second get the same answer.
    if let Some(answer) = at_hand(&app, &uri) {
        return Ok(tagged::respond(answer, &headers));
    }
    let as_of = whole_second(app.clock.now());
    let epoch = app.books.epoch();
    let answer = work_out(&app, Params::of(&uri)?, as_of)?;
    app.answers.keep(uri.query().unwrap_or_default(), as_of, epoch, &answer);
    Ok(tagged::respond(answer, &headers))
}

/// The answer to the same question in the same second, if nothing has changed since.
pub(super) fn at_hand(app: &App, uri: &Uri) -> Option<Answer> {
    let as_of = whole_second(app.clock.now());
    app.answers.get(uri.query().unwrap_or_default(), as_of, app.books.epoch())
}

fn work_out(app: &App, mut params: Params, as_of: DateTime<Utc>) -> Result<Answer, Problem> {
    let mut books = match params.text("series") {
        Some(names) => {
            params.without_parts()?;
            named(app, &names)?
        }
        None => series::matching(app, &mut params)?,
    };
    let on_duty = params.flag("on_duty")?;
    params.finish(
        "series (one or several, separated by commas), asset, timeframe, provider, on_duty",
    )?;
    if on_duty {
        let is_on_duty = |book: &Arc<Book>| {
            let Series { instrument, timeframe, .. } = book.series();
            app.on_duty_at(instrument, *timeframe, as_of).as_ref() == Some(book.series())
        };
        books.retain(is_on_duty);
    }
    let roster = app.roster();
    let part = |book: &Arc<Book>| part(app, book, (as_of, roster.role(book.series())));
    let parts = books.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let substance: Vec<u8> = parts.iter().flat_map(|part| part.mark).collect();
    let items = parts.iter().map(|part| &*part.body).collect();
    Ok(Answer::new(json(&FreshnessList { as_of, items })?, &substance))
}

/// What is said of one series. Most do not change when one does.
fn part(
    app: &App,
    book: &Book,
    (as_of, role): (DateTime<Utc>, Role),
) -> Result<Arc<Part>, Problem> {
    app.parts.get_or(book.series(), (as_of, book.version(), role), || {
        let view = view(role, app.freshness(book, as_of));
        let body = to_raw_value(&view).map_err(tagged::unwritten)?;
        Ok(Part::new(body, &json(&view.substance())?))
    })
}

fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

impl FreshnessView {
    /// Everything but the ages, which follow from it and the time.
    fn substance(&self) -> impl Serialize + '_ {
        (
            &self.series,
            self.role,
            self.verdict,
            (self.last_candle, self.expected_candle, self.lag_candles),
            self.overdue_seconds > self.stale_after_seconds,
            (self.watermark, self.market_open),
        )
    }
}

fn named(app: &App, names: &str) -> Result<Vec<Arc<Book>>, Problem> {
    let read = |name: &str| {
        let series: Series = name.parse().map_err(|error| unreadable("series", &error))?;
        find(app, &series)
    };
    names.split(',').map(read).collect()
}

fn view(role: Role, freshness: Freshness) -> FreshnessView {
    FreshnessView {
        role,
        series: freshness.series,
        verdict: freshness.verdict,
        last_candle: freshness.last_candle,
        expected_candle: freshness.expected_candle,
        lag_candles: freshness.lag_candles,
        age_seconds: freshness.age.map(|age| age.num_seconds()),
        overdue_seconds: freshness.overdue.num_seconds(),
        stale_after_seconds: freshness.stale_after.num_seconds(),
        watermark: freshness.watermark,
        market_open: freshness.market_open,
    }
}
