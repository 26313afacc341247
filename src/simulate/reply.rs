//! What the exchange says, whatever the transport: statuses, headers and bodies.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Fault, Refusal};

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

const UNAVAILABLE_PAGE: &str = "<html><head><title>503 Service Temporarily Unavailable</title>\
    </head><body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>";
const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>\
    <form method=\"post\" action=\"/login\"><input name=\"user\"></form></body></html>";

pub(super) fn throttled(retry_after: Option<String>) -> Reply {
    Reply { retry_after, ..Reply::message(429, "Public rate limit exceeded") }
}

/// A complete HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Value of the `Content-Type` header.
    pub content_type: &'static str,
    /// Value of the `Retry-After` header, if there is one.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: JSON, retry_after: None, body: body.into() }
    }

    pub(super) fn message(status: u16, message: &str) -> Self {
        Self::json(status, serde_json::json!({ "message": message }).to_string())
    }

    fn html(status: u16, body: &str) -> Self {
        Self { content_type: HTML, ..Self::json(status, body) }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::message(refusal.status(), &refusal.to_string())
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered.
    Reply(Reply),
    /// It is never answered.
    Hang,
}

/// What becomes of a request, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Real time to wait first.
    pub delay: Duration,
    /// What happens then.
    pub outcome: Outcome,
}

/// What a fault that needs no data answers at `now`; `None` for the other faults.
pub(super) fn replaced_by(fault: Fault, now: DateTime<Utc>) -> Option<Outcome> {
    let reply = match fault {
        Fault::Hang => return Some(Outcome::Hang),
        Fault::Throttle => throttled(None),
        Fault::ThrottleRetryAfter => throttled(Some("1".to_owned())),
        Fault::ThrottleRetryDate => {
            let at = now + TimeDelta::seconds(2);
            throttled(Some(at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()))
        }
        Fault::ServerError => Reply::message(500, "Internal server error"),
        Fault::Unavailable => Reply::html(503, UNAVAILABLE_PAGE),
        Fault::Html => Reply::html(200, LOGIN_PAGE),
        _ => return None,
    };
    Some(Outcome::Reply(reply))
}
