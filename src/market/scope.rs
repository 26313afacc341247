//! What the holder of an API key may do.

use std::{fmt, str::FromStr};

use serde::Serialize;

use super::ParseError;

/// Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask.
    Read,
    /// Have work done, held up or given up.
    Operate,
    /// Decide about what is kept, and see the settings.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == given);
        known.ok_or_else(|| ParseError {
            what: "scope",
            given: given.to_owned(),
            fix: "write read, operate or admin",
        })
    }
}
