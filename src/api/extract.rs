//! Query parameters, read so that whatever is wrong with one is said of that one.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use chrono::{DateTime, Utc};

use super::Problem;
use crate::{
    app::App,
    ingest::Book,
    market::{Series, Timeframe, Window},
};

/// The parameters of a request, taken one by one; what is left over is unknown.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) =
            Query::<Vec<(String, String)>>::from_request_parts(parts, state)
                .await
                .map_err(|error| Problem::invalid("query", error.body_text(), "write a=b&c=d"))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if params.insert(name.clone(), value).is_some() {
                let detail = format!("the parameter {name:?} is given twice");
                return Err(Problem::invalid("query", detail, "give it once"));
            }
        }
        Ok(Self(params))
    }
}

impl Params {
    /// The text of a parameter.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.0.remove(name)
    }

    /// A parameter of any type that reads itself from text.
    pub(super) fn get<T: FromStr<Err: Display>>(
        &mut self,
        name: &'static str,
        fix: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        let refused = |error: T::Err| {
            Problem::invalid(name, format!("{name} {text:?} cannot be read: {error}"), fix)
        };
        text.parse().map(Some).map_err(refused)
    }

    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        // A plus sign that was not percent-encoded arrives as a space.
        let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        time.map(|time| Some(time.with_timezone(&Utc))).map_err(|error| {
            let detail = format!("{name} {text:?} is no instant: {error}");
            Problem::invalid(name, detail, "write RFC 3339 with an offset: 2024-05-01T00:00:00Z")
        })
    }

    /// A number between 1 and `most`.
    pub(super) fn limit(&mut self, default: u32, most: u32) -> Result<u32, Problem> {
        let limit = self.get("limit", "write a whole number")?.unwrap_or(default);
        if (1..=most).contains(&limit) {
            return Ok(limit);
        }
        let detail = format!("limit {limit} is out of range");
        Err(Problem::invalid("limit", detail, &format!("use 1 to {most}")))
    }

    /// `start` and `end`, both or neither, aligned outwards to the candle grid.
    pub(super) fn window(&mut self, timeframe: Timeframe) -> Result<Option<Window>, Problem> {
        let (start, end) = match (self.time("start")?, self.time("end")?) {
            (None, None) => return Ok(None),
            (Some(start), Some(end)) => (start, end),
            (None, Some(_)) => return Err(Problem::invalid("start", "start is missing", BOTH)),
            (Some(_), None) => return Err(Problem::invalid("end", "end is missing", BOTH)),
        };
        if end <= start {
            let detail = "end is not after start";
            return Err(Problem::invalid("end", detail, "the window is [start, end)"));
        }
        let edge = chrono::TimeDelta::days(366);
        if start < DateTime::UNIX_EPOCH || end > DateTime::<Utc>::MAX_UTC - edge {
            let detail = "the window leaves the calendar";
            return Err(Problem::invalid("start", detail, "stay between 1970 and 262000"));
        }
        Ok(Some(Window::new(start, end).align(timeframe)))
    }

    /// The book of the series named by `series=`, or by `asset=`, `timeframe=` and `provider=`.
    pub(super) fn book(&mut self, app: &App) -> Result<std::sync::Arc<Book>, Problem> {
        let series = match self.get::<Series>("series", "write provider/asset/timeframe")? {
            Some(series) => series,
            None => Series {
                provider: self
                    .get("provider", "use a provider's name, like coinbase")?
                    .unwrap_or_else(|| app.config.ingest.provider.clone()),
                instrument: self.get("asset", "write BTCUSD")?.ok_or_else(|| {
                    Problem::invalid("series", "no series is named", "add series=… or asset=…")
                })?,
                timeframe: self.get("timeframe", "use 1m, 5m, 15m, 1h, 4h or 1d")?.ok_or_else(
                    || Problem::invalid("timeframe", "timeframe is missing", "add timeframe=1m"),
                )?,
            },
        };
        let unknown =
            || Problem::not_found(&format!("series {series}"), "GET /v1/series lists them");
        app.books.get(&series).ok_or_else(unknown)
    }

    /// Refuses what nobody asked for: a misspelt filter must not silently filter nothing.
    pub(super) fn finish(self, known: &str) -> Result<(), Problem> {
        let Some((name, _)) = self.0.first_key_value() else { return Ok(()) };
        let detail = format!("there is no parameter {name:?} here");
        Err(Problem::invalid("query", detail, &format!("the parameters are: {known}")))
    }
}

const BOTH: &str = "give both start and end, or neither";
