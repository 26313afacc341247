//! Provider × instrument × timeframe: the unit of watermark, coverage and lag.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InstrumentId, ParseError, Timeframe};

/// Who says so: `coinbase`, `oanda`, `alpha_vantage`, or the name given to an import.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderId(String);

impl ProviderId {
    /// For names in the source, which are plain.
    pub fn from_static(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProviderId {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let is_plain =
            given.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if is_plain && (1..=40).contains(&given.len()) {
            return Ok(Self(given.to_owned()));
        }
        Err(ParseError {
            what: "provider",
            given: given.to_owned(),
            fix: "use lower case letters, digits and _, like coinbase or alpha_vantage",
        })
    }
}

impl TryFrom<String> for ProviderId {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<ProviderId> for String {
    fn from(id: ProviderId) -> Self {
        id.0
    }
}

/// Written `coinbase/BTCUSD/1m`, which is also its id in Delta, the control store and the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Series {
    pub provider: ProviderId,
    pub instrument: InstrumentId,
    pub timeframe: Timeframe,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.provider, self.instrument, self.timeframe)
    }
}

impl FromStr for Series {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let parts: Vec<&str> = given.split('/').collect();
        let [provider, instrument, timeframe] = parts[..] else {
            return Err(ParseError {
                what: "series",
                given: given.to_owned(),
                fix: "write provider/asset/timeframe, like coinbase/BTCUSD/1m",
            });
        };
        Ok(Self {
            provider: provider.parse()?,
            instrument: instrument.parse()?,
            timeframe: timeframe.parse()?,
        })
    }
}

impl TryFrom<String> for Series {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<Series> for String {
    fn from(series: Series) -> Self {
        series.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_reads_back_what_it_writes() {
        let series: Series = "coinbase/btc-usd/1m".parse().unwrap();
        assert_eq!(series.to_string(), "coinbase/BTCUSD/1m");
        assert_eq!(series.to_string().parse::<Series>().unwrap(), series);
        for bad in ["", "coinbase/BTCUSD", "coinbase/BTCUSD/2m", "Coin/BTCUSD/1m", "a/b/c/d"] {
            assert!(bad.parse::<Series>().is_err(), "{bad:?}");
        }
    }
}
