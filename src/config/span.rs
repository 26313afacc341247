//! A duration as people write it: `90s`, `5m`, `30d`.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de::Error};

#[derive(Debug, Clone, Copy)]
pub(super) struct Span(std::time::Duration);

impl Span {
    pub(super) fn is_positive(self) -> bool {
        !self.0.is_zero()
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            D::Error::custom(format!("{text:?} is not a duration ({error}); write 90s, 5m or 30d"))
        })
    }
}

impl From<Span> for std::time::Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl From<Span> for TimeDelta {
    fn from(span: Span) -> Self {
        Self::from_std(span.0).unwrap_or(Self::MAX)
    }
}
