//! Reading a request for candles: what may be asked, and the words in which it is refused.

use serde::Deserialize;

use super::alignment::{Alignment, Grid};
use crate::simulate::instant::read_instant;

/// Most candles between the bounds, whether they exist or not.
const MOST_CANDLES: i64 = 5_000;
const DEFAULT_CANDLES: i64 = 500;

/// The query of a request for candles, as text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandleQuery {
    granularity: Option<String>,
    price: Option<String>,
    count: Option<String>,
    from: Option<String>,
    to: Option<String>,
    include_first: Option<String>,
    daily_alignment: Option<String>,
    alignment_timezone: Option<String>,
}

/// What was asked, understood.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// As it was written, for the answer.
    pub(super) granularity: String,
    pub(super) grid: Grid,
    /// `M`, `B` and `A`, in the order given.
    pub(super) prices: String,
    pub(super) extent: Extent,
}

/// Which candles, by open time in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// From the first that opens at or after `first` to the last that opens before `end`.
    Between { first: i64, end: i64 },
    /// So many existing ones, back from the last that opens before `end`.
    Back { count: i64, end: i64 },
}

/// Why a request is wrong, in Oanda's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Insufficient authorization to perform request.")]
    Authorization,
    #[error("Invalid value specified for '{0}'")]
    Invalid(&'static str),
    #[error("Invalid value specified for '{0}'. Time is in the future")]
    Future(&'static str),
    #[error("Maximum value for 'count' exceeded")]
    Count,
}

impl Refusal {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Authorization => 401,
            _ => 400,
        }
    }
}

/// Seconds of a granularity. Parts of minutes, weeks and months are not simulated.
fn length(granularity: &str) -> Option<i64> {
    let unit = match granularity.get(..1)? {
        "M" => 60,
        "H" => 3_600,
        _ => return (granularity == "D").then_some(86_400),
    };
    let count: i64 = granularity[1..].parse().ok()?;
    let is_offered = match unit {
        60 => [1, 2, 4, 5, 10, 15, 30].contains(&count),
        _ => [1, 2, 3, 4, 6, 8, 12].contains(&count),
    };
    is_offered.then_some(unit * count)
}

impl CandleQuery {
    /// Understands the query at `now`, unix seconds.
    pub(super) fn read(&self, now: i64) -> Result<Question, Refusal> {
        let granularity = self.granularity.clone().unwrap_or_else(|| "S5".to_owned());
        let length = length(&granularity).ok_or(Refusal::Invalid("granularity"))?;
        let grid = Grid { length, alignment: self.alignment()? };
        let prices = self.price.clone().unwrap_or_else(|| "M".to_owned());
        if prices.is_empty() || !prices.chars().all(|side| "MBA".contains(side)) {
            return Err(Refusal::Invalid("price"));
        }
        let extent = self.extent(grid, now)?;
        Ok(Question { granularity, grid, prices, extent })
    }

    fn alignment(&self) -> Result<Alignment, Refusal> {
        let mut alignment = Alignment::default();
        if let Some(hour) = &self.daily_alignment {
            let hour = hour.parse().ok().filter(|hour| *hour < 24);
            alignment.hour = hour.ok_or(Refusal::Invalid("dailyAlignment"))?;
        }
        if let Some(zone) = &self.alignment_timezone {
            alignment.zone = zone.parse().map_err(|_| Refusal::Invalid("alignmentTimezone"))?;
        }
        Ok(alignment)
    }

    fn extent(&self, grid: Grid, now: i64) -> Result<Extent, Refusal> {
        let count = match &self.count {
            None => None,
            Some(text) => {
                let count = text.parse().ok().filter(|count: &i64| *count > 0);
                Some(count.ok_or(Refusal::Invalid("count"))?)
            }
        };
        if count.is_some_and(|count| count > MOST_CANDLES) {
            return Err(Refusal::Count);
        }
        let from = bound("from", self.from.as_deref(), now)?;
        let to = bound("to", self.to.as_deref(), now)?;
        let slots = count.unwrap_or(DEFAULT_CANDLES);
        let first = from.map(|from| self.first(grid, from)).transpose()?;
        Ok(match (first, to) {
            (Some(_), Some(_)) if count.is_some() => return Err(Refusal::Invalid("count")),
            (Some(_), Some(to)) if from.is_some_and(|from| from > to) => {
                return Err(Refusal::Invalid("to"));
            }
            (Some(first), Some(to)) => {
                if to - from.unwrap_or(first) > MOST_CANDLES * grid.length {
                    return Err(Refusal::Count);
                }
                Extent::Between { first, end: to + 1 }
            }
            (Some(first), None) => {
                let end = first.saturating_add(slots * grid.length);
                Extent::Between { first, end: end.min(now + 1) }
            }
            (None, to) => Extent::Back { count: slots, end: to.unwrap_or(now) + 1 },
        })
    }

    /// The candle that contains `from` is the first, unless `includeFirst` says that it is not.
    fn first(&self, grid: Grid, from: i64) -> Result<i64, Refusal> {
        let covering = grid.floor(from);
        match self.include_first.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("true") => Ok(covering),
            Some("false") => Ok(grid.next(covering)),
            Some(_) => Err(Refusal::Invalid("includeFirst")),
        }
    }
}

/// A moment of the past, unix seconds.
fn bound(name: &'static str, text: Option<&str>, now: i64) -> Result<Option<i64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let at = read_instant(text).ok_or(Refusal::Invalid(name))?.timestamp();
    if at > now { Err(Refusal::Future(name)) } else { Ok(Some(at)) }
}
