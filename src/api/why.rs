//! The reason that goes with a command, for whoever wonders later.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use utoipa::ToSchema;

use super::Problem;

const LONGEST: usize = 500;
const TOO_LONG: &str = "the reason is longer than 500 characters";

/// Why something is done, if that was said; blanks say nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Why(Option<String>);

/// Nothing but why something is done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stated {
    /// For whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub(super) reason: Why,
}

impl Why {
    /// The `reason` of a query.
    pub(super) fn asked(text: Option<String>) -> Result<Self, Problem> {
        let refused = || Problem::invalid("reason", TOO_LONG, "say it in fewer words");
        Self::read(text).ok_or_else(refused)
    }

    pub(super) fn said(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn into_said(self) -> Option<String> {
        self.0
    }

    /// As long as it is given, the document says; so it is measured before it is trimmed.
    fn read(text: Option<String>) -> Option<Self> {
        let Some(text) = text else { return Some(Self(None)) };
        if text.chars().count() > LONGEST {
            return None;
        }
        let said = text.trim();
        Some(Self((!said.is_empty()).then(|| said.to_owned())))
    }
}

/// What is refused, is refused in the field that holds it.
impl<'de> Deserialize<'de> for Why {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(Option::deserialize(from)?).ok_or_else(|| D::Error::custom(TOO_LONG))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blanks_say_nothing_and_are_not_kept_around_what_is_said() {
        for (given, said) in [
            (json!(null), None),
            (json!(" \n"), None),
            (json!(" a \t b "), Some("a \t b")),
            (json!("ä".repeat(500)), Some(&*"ä".repeat(500))),
        ] {
            assert_eq!(serde_json::from_value::<Why>(given).unwrap().said(), said);
        }
        for odd in [json!("x".repeat(501)), json!(7)] {
            assert!(serde_json::from_value::<Why>(odd).is_err());
        }
        assert!(Why::asked(Some(" ".repeat(501))).is_err());
    }
}
