//! What Alpha Vantage says instead of data: always with status 200, and word for word.

use chrono::TimeDelta;
use serde_json::json;

use crate::{
    config::{Limit, Plan},
    simulate::{Fault, Reply, answer::Words},
};

const NOTE: &str = "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls \
    per minute and 500 calls per day. Please visit https://www.alphavantage.co/premium/ if you \
    would like to target a higher API call frequency.";
const INFORMATION: &str = "Thank you for using Alpha Vantage! Please visit \
    https://www.alphavantage.co/premium/ if you would like to have a higher API call volume.";
const BURST_FREE: &str = "Thank you for using Alpha Vantage! Please consider spreading out your \
    free API requests more sparingly (1 request per second). You may subscribe to any of the \
    premium plans at https://www.alphavantage.co/premium/ to lift the free key rate limit (25 \
    requests per day), raise the per-second burst limit, and instantly unlock all premium \
    endpoints";
const BURST_PREMIUM: &str = "Burst pattern detected. Please consider spreading out your API \
    requests more evenly across a 1-minute window and query no more than 30 requests per second.";
const MINUTE_PREMIUM: &str = "Minute-level rate limit exceed. Please stay under the number of API \
    requests per minute for your premium subscription plan. Please contact \
    support@alphavantage.co if you are targeting a higher API request volume.";
const PREMIUM_ENDPOINT: &str = "Thank you for using Alpha Vantage! This is a premium endpoint. You \
    may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly \
    unlock all premium endpoints";
const BAD_KEY: &str = "the parameter apikey is invalid or missing. Please claim your free API key \
    on (https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.";
const INVALID_NEWS: &str = "Invalid inputs. Please refer to the API documentation \
    https://www.alphavantage.co/documentation#newsapi and try again.";

/// Why a request is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The key is missing, or one that begins with `bad`.
    Key,
    UnknownFunction(String),
    /// An unknown symbol or a parameter that makes no sense.
    InvalidCall(String),
    InvalidNews,
    /// A function that only other plans include.
    PremiumEndpoint,
    /// A whole history that only other plans include.
    PremiumSize(String),
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let error = |text: &str| said("Error Message", text);
        match refusal {
            Refusal::Key => error(BAD_KEY),
            Refusal::UnknownFunction(name) => {
                error(&format!("This API function ({name}) does not exist."))
            }
            Refusal::InvalidCall(function) => error(&format!(
                "Invalid API call. Please retry or visit the documentation \
                 (https://www.alphavantage.co/documentation/) for {function}."
            )),
            Refusal::InvalidNews => said("Information", INVALID_NEWS),
            Refusal::PremiumEndpoint => said("Information", PREMIUM_ENDPOINT),
            Refusal::PremiumSize(function) => {
                let text = format!(
                    "Thank you for using Alpha Vantage! The outputsize=full parameter value is a \
                     premium feature for the {function} endpoint. You may subscribe to any of the \
                     premium plans at https://www.alphavantage.co/premium/ to instantly unlock all \
                     premium features"
                );
                said("Information", &text)
            }
        }
    }
}

fn said(key: &str, text: &str) -> Reply {
    Reply { content_type: "application/json", ..Reply::json(200, json!({ key: text }).to_string()) }
}

/// How a key of some plan is spoken to.
pub(super) struct KeyWords<'a> {
    pub(super) key: &'a str,
    pub(super) plan: Plan,
}

impl KeyWords<'_> {
    fn burst(&self) -> Reply {
        let text = if self.plan == Plan::Free { BURST_FREE } else { BURST_PREMIUM };
        said("Information", text)
    }

    fn minute(&self) -> Reply {
        match self.plan {
            Plan::Free => said("Note", NOTE),
            Plan::Premium => said("Information", MINUTE_PREMIUM),
        }
    }

    fn day(&self, requests: u32) -> Reply {
        let text = format!(
            "We have detected your API key as {} and our standard API rate limit is {requests} \
             requests per day. Please subscribe to any of the premium plans at \
             https://www.alphavantage.co/premium/ to instantly remove all daily rate limits.",
            self.key
        );
        said("Information", &text)
    }
}

impl Words for KeyWords<'_> {
    fn throttled(&self, above: Option<Limit>) -> Reply {
        match above {
            Some(limit) if limit.span >= TimeDelta::days(1) => self.day(limit.requests.get()),
            Some(limit) if limit.span < TimeDelta::minutes(1) => self.burst(),
            _ => self.minute(),
        }
    }

    fn failed(&self) -> Reply {
        Reply::message(500, "Internal server error")
    }

    fn instead(&self, fault: Fault) -> Option<Reply> {
        Some(match fault {
            Fault::Note => said("Note", NOTE),
            Fault::Information => said("Information", INFORMATION),
            Fault::Burst => self.burst(),
            Fault::DayQuota => self.day(25),
            Fault::BadKey => Refusal::Key.into(),
            Fault::Premium => Refusal::PremiumEndpoint.into(),
            Fault::EmptyObject => Reply::json(200, "{}"),
            _ => return None,
        })
    }
}
