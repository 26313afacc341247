//! Reading a request for candles.

use std::collections::HashMap;

use chrono::{DateTime, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::America::New_York;

use super::{function::Function, words::Refusal};
use crate::{config::Plan, market::InstrumentId};

/// Rows of a compact answer.
const COMPACT: usize = 100;
/// How far back a full intraday answer goes.
const FULL_INTRADAY: TimeDelta = TimeDelta::days(30);
/// Rows of `DIGITAL_CURRENCY_DAILY`, whatever is asked for.
const CRYPTO_DAYS: usize = 350;
/// There are no candles of equities before the year 2000.
const FIRST_MONTH: &str = "2000-01";

/// The query of a request, as text.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(pub(super) HashMap<String, String>);

impl Query {
    /// Empty where it is absent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn is_csv(&self) -> bool {
        self.get("datatype") == "csv"
    }
}

/// What was asked, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) function: Function,
    pub(super) instrument: InstrumentId,
    /// `5min`; empty for days.
    pub(super) interval: String,
    /// Seconds.
    pub(super) length: i64,
    pub(super) extent: Extent,
    pub(super) is_full: bool,
    pub(super) is_csv: bool,
}

/// How much is asked for: the newest rows, at most so many, that open within `[start, end)`, unix
/// seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) most: usize,
}

impl Question {
    pub(super) fn read(
        query: &Query,
        function: Function,
        plan: Plan,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let invalid = || Refusal::InvalidCall(function.name().to_owned());
        let is_full = match query.get("outputsize") {
            "" | "compact" => false,
            "full" => true,
            _ => return Err(invalid()),
        };
        match (plan, function.is_daily()) {
            (Plan::Free, false) => return Err(Refusal::PremiumEndpoint),
            (Plan::Free, true) if is_full && function != Function::CryptoDaily => {
                return Err(Refusal::PremiumSize(function.name().to_owned()));
            }
            _ => {}
        }
        let interval = if function.is_daily() { "" } else { query.get("interval") };
        let length = match interval {
            "" if function.is_daily() => 86_400,
            "1min" => 60,
            "5min" => 300,
            "15min" => 900,
            "30min" => 1_800,
            "60min" => 3_600,
            _ => return Err(invalid()),
        };
        let mut extent = match query.get("month") {
            "" => Extent::of(function, is_full, now),
            month if function == Function::EquityIntraday => {
                Extent::month(month).ok_or_else(invalid)?
            }
            _ => return Err(invalid()),
        };
        if !is_full && function != Function::CryptoDaily {
            extent.most = COMPACT;
        }
        Ok(Self {
            function,
            instrument: instrument(query, function).ok_or_else(invalid)?,
            interval: interval.to_owned(),
            length,
            extent,
            is_full,
            is_csv: query.is_csv(),
        })
    }
}

/// Named as this function's class of assets is.
fn instrument(query: &Query, function: Function) -> Option<InstrumentId> {
    let halves = match function {
        Function::EquityIntraday | Function::EquityDaily => (query.get("symbol"), ""),
        Function::FxIntraday | Function::FxDaily => {
            (query.get("from_symbol"), query.get("to_symbol"))
        }
        Function::CryptoIntraday | Function::CryptoDaily => {
            (query.get("symbol"), query.get("market"))
        }
    };
    let instrument: InstrumentId = format!("{}{}", halves.0, halves.1).parse().ok()?;
    let is_named = instrument.pair().unwrap_or((instrument.as_str(), "")) == halves;
    (is_named && instrument.asset_class() == function.class()).then_some(instrument)
}

impl Extent {
    fn of(function: Function, is_full: bool, now: DateTime<Utc>) -> Self {
        let is_recent = is_full && !function.is_daily();
        let start = if is_recent { (now - FULL_INTRADAY).timestamp() } else { 0 };
        let most = if function == Function::CryptoDaily { CRYPTO_DAYS } else { usize::MAX };
        Self { start, end: now.timestamp() + 1, most }
    }

    /// A month of New York, like `2024-03`.
    fn month(text: &str) -> Option<Self> {
        if text < FIRST_MONTH || text.len() != FIRST_MONTH.len() {
            return None;
        }
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?;
        let midnight = |day: NaiveDate| {
            let start = New_York.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest();
            start.map(|at| at.timestamp())
        };
        let next = first.checked_add_months(Months::new(1))?;
        Some(Self { start: midnight(first)?, end: midnight(next)?, most: usize::MAX })
    }
}
