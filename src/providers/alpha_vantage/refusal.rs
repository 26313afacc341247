//! What Alpha Vantage means when it answers, with status 200, something that is no data.
//!
//! An answer is a refusal because it lacks data, whatever it says. Only then its wording decides
//! which: the same key announces a used-up quota, a missing plan and a bad key, and two of them
//! mention the API key.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Days, NaiveTime, Utc};

use super::super::ProviderError;

/// Classifies an object without a series. `None` for a body that is no object of texts.
pub(super) fn refusal(body: &[u8], symbol: &str, now: DateTime<Utc>) -> Option<ProviderError> {
    let told: BTreeMap<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let unknown = || ProviderError::UnknownSymbol { symbol: symbol.to_owned() };
    let is_empty =
        |value: &serde_json::Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    if told.values().all(is_empty) {
        return Some(unknown());
    }
    let texts: Vec<&str> = told.values().filter_map(serde_json::Value::as_str).collect();
    let text = *texts.first()?;
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    let throttled =
        |seconds| ProviderError::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
    Some(if told.contains_key("Error Message") {
        match (says("apikey"), says("Invalid API call")) {
            (true, _) => ProviderError::Unauthorized { message: text.to_owned() },
            (false, true) => unknown(),
            (false, false) => ProviderError::Rejected { status: 200, message: text.to_owned() },
        }
    } else if says("Invalid inputs") {
        // Of news about something it does not know.
        ProviderError::Rejected { status: 200, message: text.to_owned() }
    } else if says("Burst pattern") || says("spreading out") || says("requests per second") {
        // This text goes on to the daily quota, and to what premium keys may ask.
        throttled(2)
    } else if says("premium endpoint") || says("premium feature") {
        ProviderError::NotInPlan { what: symbol.to_owned() }
    } else if says("**demo**") {
        ProviderError::Unauthorized { message: text.to_owned() }
    } else if says("Minute-level") || says("calls per minute") {
        throttled(60)
    } else if says("requests per day") {
        ProviderError::Exhausted { until: midnight_after(now) }
    } else {
        ProviderError::Throttled { retry_after: None }
    })
}

/// Whether a table is an object in disguise: told to make one of `{"Information": …}`, they spread
/// the letters of that word over the columns, and leave out the text that would say more.
pub(super) fn is_disguised(table: &str) -> bool {
    let spells = |line: &str| {
        let letters = line.split(',').map(str::trim);
        let word: String = letters.filter(|cell| cell.len() == 1).collect();
        word.len() >= 4
            && ["Information", "Note", "Error Message"].iter().any(|key| key.starts_with(&word))
    };
    table.lines().take(3).any(spells)
}

/// Nobody has documented when the day's quota is renewed; users report midnight, UTC.
fn midnight_after(now: DateTime<Utc>) -> DateTime<Utc> {
    (now.date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(body: &str) -> String {
        let now = "2026-11-24T15:00:00Z".parse().unwrap();
        match refusal(body.as_bytes(), "IBM", now) {
            Some(ProviderError::Throttled { retry_after }) => format!("throttled {retry_after:?}"),
            Some(ProviderError::Exhausted { until }) => format!("exhausted until {until}"),
            Some(error) => error.outcome().to_owned(),
            None => "no refusal".to_owned(),
        }
    }

    #[test]
    fn t01_throttling_is_known_by_the_absence_of_data_whatever_it_is_called() {
        let texts = [
            (
                "Note",
                "Our standard API call frequency is 5 calls per minute and 500 calls per day.",
            ),
            ("Information", "Minute-level rate limit exceed. Please stay under the number"),
        ];
        for (key, text) in texts {
            assert_eq!(outcome(&format!("{{\"{key}\":\"{text}\"}}")), "throttled Some(60s)");
        }
        for key in ["Note", "Information", "Notice", "message"] {
            let body = format!("{{\"{key}\":\"Thank you for using Alpha Vantage!\"}}");
            assert_eq!(outcome(&body), "throttled None", "{key}");
        }
    }

    #[test]
    fn a_burst_is_not_taken_for_the_end_of_the_day_nor_for_a_missing_plan() {
        let burst = "Please consider spreading out your free API requests more sparingly (1 request \
                     per second) to lift the free key rate limit (25 requests per day) and unlock \
                     all premium endpoints";
        assert_eq!(outcome(&format!("{{\"Information\":\"{burst}\"}}")), "throttled Some(2s)");
        let day = "We have detected your API key as XYZ and our standard API rate limit is 25 \
                   requests per day.";
        let told = outcome(&format!("{{\"Information\":\"{day}\"}}"));
        assert_eq!(told, "exhausted until 2026-11-25 00:00:00 UTC");
    }

    #[test]
    fn t02_a_bad_key_is_not_taken_for_throttling_nor_throttling_for_a_bad_key() {
        let bad = "{\"Error Message\":\"the parameter apikey is invalid or missing.\"}";
        assert_eq!(outcome(bad), "unauthorized");
        let demo = "{\"Information\":\"The **demo** API key is for demo purposes only.\"}";
        assert_eq!(outcome(demo), "unauthorized");
        let day = "{\"Information\":\"We have detected your API key as X: 25 requests per day\"}";
        assert!(outcome(day).starts_with("exhausted"));
        let plan = "{\"Information\":\"This is a premium endpoint.\"}";
        assert_eq!(outcome(plan), "not_in_plan");
    }

    #[test]
    fn a_question_that_makes_no_sense_is_not_asked_again_soon() {
        let told = "{\"Information\":\"Invalid inputs. Please refer to the API documentation\"}";
        assert_eq!(outcome(told), "rejected");
    }

    #[test]
    fn t03_nothing_at_all_means_an_unknown_symbol() {
        for body in ["{}", "{\"Global Quote\":{}}", "{\"Error Message\":\"Invalid API call.\"}"] {
            assert_eq!(outcome(body), "unknown_symbol", "{body}");
        }
    }
}
