//! What tables are called: a layer of the lake and a name within it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ParseError;

/// How far rows are from what a source said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// As sources said it; rows are only added.
    Bronze,
    /// Curated: one row per key.
    Silver,
    /// Summed up for a purpose.
    Gold,
    /// Of the users' own making.
    User,
}

impl Layer {
    pub const ALL: [Self; 4] = [Self::Bronze, Self::Silver, Self::Gold, Self::User];

    /// Also the folder below the lake, and the schema in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Gold => "gold",
            Self::User => "user",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A layer and a name within it, written `silver.market_data`. Bronze needs not be said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    pub layer: Layer,
    bare: String,
    /// As it is shown.
    shown: String,
}

/// What fits into a metric's label and a folder.
const LONGEST: usize = 64;

impl TableName {
    /// Fails if the name could not be written without quotes in SQL.
    pub fn new(layer: Layer, bare: &str) -> Result<Self, ParseError> {
        let is_word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let begins = bare.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !begins || bare.len() > LONGEST || !bare.bytes().all(is_word) {
            return Err(ParseError {
                what: "table",
                given: bare.to_owned(),
                fix: "lower case letters, digits and underscores, a letter first, 64 at most",
            });
        }
        Ok(Self::of(layer, bare))
    }

    pub(crate) fn bronze(bare: &str) -> Self {
        Self::of(Layer::Bronze, bare)
    }

    fn of(layer: Layer, bare: &str) -> Self {
        let shown = match layer {
            Layer::Bronze => bare.to_owned(),
            layer => format!("{layer}.{bare}"),
        };
        Self { layer, bare: bare.to_owned(), shown }
    }

    /// Without the layer.
    pub fn bare(&self) -> &str {
        &self.bare
    }

    pub fn as_str(&self) -> &str {
        &self.shown
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl FromStr for TableName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let Some((layer, bare)) = text.split_once('.') else {
            return Self::new(Layer::Bronze, text);
        };
        let unknown = || ParseError {
            what: "table",
            given: text.to_owned(),
            fix: "the layer is bronze, silver, gold or user, like silver.market_data",
        };
        let layer = Layer::ALL.into_iter().find(|one| one.as_str() == layer);
        Self::new(layer.ok_or_else(unknown)?, bare)
    }
}

impl TryFrom<String> for TableName {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        for (text, layer, shown) in [
            ("raw_market_data_1m", Layer::Bronze, "raw_market_data_1m"),
            ("bronze.raw_market_data_1m", Layer::Bronze, "raw_market_data_1m"),
            ("silver.market_data", Layer::Silver, "silver.market_data"),
            ("gold.mart_data_quality", Layer::Gold, "gold.mart_data_quality"),
            ("user.a1", Layer::User, "user.a1"),
        ] {
            let name: TableName = text.parse().unwrap();
            assert_eq!((name.layer, name.as_str()), (layer, shown));
            assert_eq!(shown.parse(), Ok(name));
        }
    }

    #[test]
    fn what_is_no_word_is_no_name() {
        for text in ["", "A", "1a", "_a", "a-b", "a/b", "..", "silver.", "tin.a", "silver.a.b", "ä"]
        {
            assert!(text.parse::<TableName>().is_err(), "{text}");
        }
        assert!("a".repeat(65).parse::<TableName>().is_err());
    }
}
