//! The nine kinds of failure; each decides an HTTP status, a retry and a metric label.

/// What kind of failure an error is, whoever raised it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request or the data is wrong and will stay wrong.
    Invalid,
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// Known caller, not allowed.
    Forbidden,
    /// Nothing by that name.
    NotFound,
    /// The world has moved on; read again and decide anew.
    Conflict,
    /// The other side asks us to slow down.
    Throttled,
    /// The other side is not there, or not well.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// Our own fault.
    Internal,
}

impl ErrorClass {
    /// The metric and log label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated | Self::Forbidden => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Unavailable | Self::Timeout => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::Timeout | Self::Conflict)
    }
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
