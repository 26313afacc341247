//! What is said when history is asked for, and what it means.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::super::{Problem, why::Why};
use crate::{
    app::App,
    backfill::{self, CommandError, Kind, MOST_CHUNKS, Order, Priority, Reprocess, Request},
    market::{InstrumentId, ProviderId, Series, Timeframe},
};

/// What is wanted, or a plan of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Spec {
    /// As a plan says; with nothing else but a reason.
    #[schema(pattern = "^pl_[0-9a-f]{32}$")]
    pub(super) plan_id: Option<String>,
    /// What is traded.
    #[schema(min_items = 1, max_items = 500)]
    pub(super) assets: Option<Vec<InstrumentId>>,
    /// All that are kept, unless some are named.
    #[schema(min_items = 1)]
    pub(super) timeframes: Option<Vec<Timeframe>>,
    /// The first instant wanted, 1970 or later.
    pub(super) start: Option<DateTime<Utc>>,
    /// The first instant no longer wanted; now, if it is not said.
    pub(super) end: Option<DateTime<Utc>>,
    /// Instead of a start: so many days before the end.
    #[schema(minimum = 1, maximum = 36500)]
    pub(super) days: Option<u32>,
    /// Who is asked; whoever is preferred, unless somebody is named.
    pub(super) provider: Option<ProviderId>,
    /// Which backfill goes first: `normal` unless it is said.
    pub(super) priority: Option<Priority>,
    /// Which history goes first: `oldest_first` unless it is said.
    pub(super) order: Option<Order>,
    /// Which candles are asked for: those `missing` unless it is said.
    pub(super) reprocess: Option<Reprocess>,
    /// Why, for whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub(super) reason: Why,
}

impl Spec {
    /// Whether anything is said beside the plan.
    pub(super) const fn says_more_than_a_plan(&self) -> bool {
        self.assets.is_some()
            || self.timeframes.is_some()
            || self.start.is_some()
            || self.end.is_some()
            || self.days.is_some()
            || self.provider.is_some()
            || self.priority.is_some()
            || self.order.is_some()
            || self.reprocess.is_some()
    }
}

/// The same for two bodies that say the same.
pub(super) fn fingerprint(said: &impl Serialize) -> String {
    let hash = Sha256::digest(serde_json::to_vec(said).unwrap_or_default());
    let digits = u128::from_be_bytes(hash[..16].try_into().unwrap_or_default());
    format!("{digits:032x}")
}

/// The request with absolute times and named series.
pub(super) fn request(app: &App, spec: &Spec) -> Result<Request, Problem> {
    let assets = spec.assets.clone().unwrap_or_default();
    if assets.is_empty() || assets.len() > 500 {
        let detail = format!("{} assets are named", assets.len());
        return Err(Problem::invalid("assets", detail, "name 1 to 500 assets, like [\"BTCUSD\"]"));
    }
    let timeframes =
        spec.timeframes.clone().unwrap_or_else(|| app.config.ingest.timeframes.clone());
    if timeframes.is_empty() {
        let fix = "name at least one, or leave it out for all that are kept";
        return Err(Problem::invalid("timeframes", "no timeframe is named", fix));
    }
    let (start, end) = times(spec, app.clock.now())?;
    if let Some(provider) = spec.provider.as_ref().filter(|id| app.providers.get(id).is_none()) {
        let detail = format!("{provider} is not asked");
        return Err(Problem::invalid("provider", detail, "GET /v1/providers says who is"));
    }
    let series = series(app, &assets, &timeframes, spec.provider.as_ref())?;
    let request = Request {
        kind: Kind::Backfill,
        assets,
        timeframes,
        provider: spec.provider.clone(),
        series,
        start,
        end,
        as_of: app.clock.now(),
        priority: spec.priority.unwrap_or_default(),
        order: spec.order.unwrap_or_default(),
        reprocess: spec.reprocess.unwrap_or_default(),
    };
    let chunks = usize::try_from(backfill::fewest_chunks(app, &request)).unwrap_or(usize::MAX);
    if chunks > MOST_CHUNKS {
        return Err(CommandError::TooLarge { chunks }.into());
    }
    Ok(request)
}

/// In whole seconds, as the grid knows no others.
fn times(spec: &Spec, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
    let whole = |at: DateTime<Utc>| DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at);
    let end = spec.end.unwrap_or(now);
    if end < DateTime::UNIX_EPOCH {
        return Err(Problem::invalid("end", "it ends before 1970", "end after 1970"));
    }
    if end > now {
        let fix = "leave end out for everything up to now";
        return Err(Problem::invalid("end", "end lies in the future", fix));
    }
    let start = match (spec.start, spec.days) {
        (Some(start), None) => start,
        (None, Some(days @ 1..=36_500)) => end - TimeDelta::days(i64::from(days)),
        (None, Some(days)) => {
            let detail = format!("{days} days are out of range");
            return Err(Problem::invalid("days", detail, "write a whole number from 1 to 36500"));
        }
        (Some(_), Some(_)) => {
            let detail = "start says already where it begins";
            return Err(Problem::invalid("days", detail, "give either start or days"));
        }
        (None, None) => {
            let fix = "give start, or days for the newest ones";
            return Err(Problem::invalid("start", "nothing says where it begins", fix));
        }
    };
    if start < DateTime::UNIX_EPOCH {
        let detail = "it begins before 1970";
        let field = if spec.days.is_some() { "days" } else { "start" };
        return Err(Problem::invalid(field, detail, "begin in 1970 or later"));
    }
    if start >= end {
        let detail = "end is not after start";
        return Err(Problem::invalid("end", detail, "the window is [start, end)"));
    }
    Ok((whole(start), whole(end)))
}

fn series(
    app: &App,
    assets: &[InstrumentId],
    timeframes: &[Timeframe],
    provider: Option<&ProviderId>,
) -> Result<Vec<Series>, Problem> {
    let mut all: Vec<Series> = Vec::new();
    for (n, asset) in assets.iter().enumerate() {
        let of_timeframe = |timeframe: &Timeframe| one(app, asset, *timeframe, provider);
        let offered: Vec<Series> = timeframes.iter().filter_map(of_timeframe).collect();
        if offered.is_empty() {
            let detail = format!("nobody who is asked has candles of {asset} in these timeframes");
            let fix = "name another provider or timeframe; GET /v1/providers says who lacks a key";
            return Err(Problem::invalid(format!("assets[{n}]"), detail, fix));
        }
        all.extend(offered.into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
    }
    Ok(all)
}

/// The series of whoever is named, or is preferred.
fn one(
    app: &App,
    asset: &InstrumentId,
    timeframe: Timeframe,
    provider: Option<&ProviderId>,
) -> Option<Series> {
    let series = |provider: &ProviderId| Series {
        provider: provider.clone(),
        instrument: asset.clone(),
        timeframe,
    };
    let is_offered = |series: &Series| app.providers.offer(series).is_some();
    if let Some(provider) = provider {
        return Some(series(provider)).filter(is_offered);
    }
    let preferred = app.roster().candidates(asset, timeframe).first().cloned();
    preferred.or_else(|| app.config.ingest.providers.iter().map(series).find(is_offered))
}
