//! The ways in which a provider does not answer.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::error::ErrorClass;

/// A request that got no candles. Carries no URL: providers put keys there.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the provider asks us to slow down")]
    Throttled { retry_after: Option<Duration> },
    #[error("the provider has failed repeatedly and is not asked again before {until}")]
    CircuitOpen { until: DateTime<Utc> },
    #[error("the account's quota is used up until {until}")]
    Exhausted { until: DateTime<Utc> },
    #[error("the provider refuses our credentials: {message}")]
    Unauthorized { message: String },
    #[error("the account's plan does not include {what}")]
    NotInPlan { what: String },
    #[error("the provider does not know {symbol}")]
    UnknownSymbol { symbol: String },
    #[error("the provider refused the request with status {status}: {message}")]
    Rejected { status: u16, message: String },
    #[error("the provider failed with status {status}")]
    Upstream { status: u16 },
    #[error("the provider's answer cannot be read: {detail}")]
    Malformed { detail: String, body: Bytes },
    #[error("the provider did not answer in time")]
    TimedOut,
    #[error("the provider cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("{provider} has no {what}")]
    NotOffered { provider: String, what: String },
}

const REDACTED: &str = "[redacted]";

/// Of the provider's own words, in characters.
const LONGEST_MESSAGE: usize = 200;

impl ProviderError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Throttled { .. } | Self::Exhausted { .. } => ErrorClass::Throttled,
            Self::UnknownSymbol { .. } | Self::NotOffered { .. } | Self::NotInPlan { .. } => {
                ErrorClass::NotFound
            }
            Self::Rejected { .. } => ErrorClass::Invalid,
            Self::Unauthorized { .. } => ErrorClass::Forbidden,
            Self::Upstream { .. }
            | Self::Malformed { .. }
            | Self::Unreachable(_)
            | Self::CircuitOpen { .. } => ErrorClass::Unavailable,
            Self::TimedOut => ErrorClass::Timeout,
        }
    }

    /// Whether the same request may succeed within moments.
    pub fn may_pass(&self) -> bool {
        self.class().is_retryable()
            && !matches!(self, Self::Exhausted { .. } | Self::CircuitOpen { .. })
    }

    /// As it may be shown: without `secret`, wherever the provider repeated it, and only then cut
    /// short, so that no piece of it is left.
    pub fn presentable(self, secret: Option<&str>) -> Self {
        let clean = |text: String| secret.map_or(text.clone(), |it| text.replace(it, REDACTED));
        let brief = |text: String| clean(text).chars().take(LONGEST_MESSAGE).collect();
        match self {
            Self::Unauthorized { message } => Self::Unauthorized { message: brief(message) },
            Self::Rejected { status, message } => {
                Self::Rejected { status, message: brief(message) }
            }
            Self::Malformed { detail, body } => {
                let holds = |it: &str| body.windows(it.len().max(1)).any(|at| at == it.as_bytes());
                let body = if secret.is_some_and(holds) {
                    clean(String::from_utf8_lossy(&body).into_owned()).into()
                } else {
                    body
                };
                Self::Malformed { detail: clean(detail), body }
            }
            other => other,
        }
    }

    /// The metric label.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::Exhausted { .. } => "exhausted",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NotInPlan { .. } => "not_in_plan",
            Self::UnknownSymbol { .. } => "unknown_symbol",
            Self::Rejected { .. } => "rejected",
            Self::Upstream { .. } => "upstream_error",
            Self::Malformed { .. } => "malformed",
            Self::TimedOut => "timed_out",
            Self::Unreachable(_) => "unreachable",
            Self::NotOffered { .. } => "not_offered",
        }
    }

    /// Before this there is no point in asking again.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::CircuitOpen { until } | Self::Exhausted { until } => Some(*until),
            _ => None,
        }
    }

    /// How long the provider itself wants us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            _ => None,
        }
    }
}
