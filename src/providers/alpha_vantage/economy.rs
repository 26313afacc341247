//! Macroeconomic indicators: `{name, interval, unit, data: [{date, value}]}`, newest first.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{NaiveDate, NaiveTime};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{ProviderError, object::object},
    refusal::refusal,
};
use crate::market::{Indicator, Observation, Provenance, RawItems};

/// The query without the key. The interval is always said: what it is otherwise differs.
pub(super) fn question(indicator: Indicator) -> Vec<(&'static str, String)> {
    let (function, maturity) = match indicator {
        Indicator::TreasuryYield2Y => ("TREASURY_YIELD", Some("2year")),
        Indicator::TreasuryYield10Y => ("TREASURY_YIELD", Some("10year")),
        other => (other.as_str(), None),
    };
    let interval = Some(indicator.interval());
    let named = [("function", Some(function)), ("interval", interval), ("maturity", maturity)];
    let named = named.into_iter().chain([("datatype", Some("json"))]);
    named.filter_map(|(name, value)| Some((name, value?.to_owned()))).collect()
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    interval: Cow<'a, str>,
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Point<'a> {
    #[serde(borrow)]
    date: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Every period that has a value.
pub(super) fn read(
    indicator: Indicator,
    provenance: Provenance,
    body: &Bytes,
) -> Result<RawItems<Observation>, ProviderError> {
    let malformed = |detail: String| ProviderError::Malformed { detail, body: body.clone() };
    let Ok(answer) = object::<Answer<'_>>(body) else {
        let refused = refusal(body, indicator.as_str(), provenance.extracted_at);
        return Err(refused.unwrap_or_else(|| malformed("no observations".to_owned())));
    };
    // Quarters in the place of months would pass for the months that quarters begin with.
    if !answer.interval.eq_ignore_ascii_case(indicator.interval()) {
        let wanted = indicator.interval();
        return Err(malformed(format!("interval {:?} is not {wanted}", answer.interval)));
    }
    let (mut items, mut unreadable) = (Vec::new(), Vec::new());
    for raw in answer.data {
        let bytes = body.slice_ref(raw.get().as_bytes());
        match observation(raw, &answer.unit) {
            Ok(observation) => items.extend(observation.map(|one| (one, bytes))),
            Err(reason) => unreadable.push((bytes, reason)),
        }
    }
    Ok(RawItems { provenance, items, unreadable, more_from: None })
}

/// `None` where the period has no value, which is written as a point.
fn observation(raw: &RawValue, unit: &str) -> Result<Option<Observation>, String> {
    let point: Point<'_> =
        serde_json::from_str(raw.get()).map_err(|error| format!("no observation: {error}"))?;
    let day = NaiveDate::parse_from_str(&point.date, "%Y-%m-%d");
    let day = day.map_err(|_| format!("date {:?} is no date", point.date))?;
    let text = point.value.get().trim_matches('"');
    if text == "." {
        return Ok(None);
    }
    let value = text.parse().map_err(|_| format!("value {text:?} is no number"))?;
    let period = day.and_time(NaiveTime::MIN).and_utc();
    Ok(Some(Observation { period, value, unit: unit.to_owned() }))
}

#[cfg(test)]
mod tests;
