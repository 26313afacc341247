//! Macroeconomic indicators and what is observed of them.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ParseError;

/// A series of numbers about the economy of the United States, each with one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Indicator {
    Cpi,
    Inflation,
    FederalFundsRate,
    Unemployment,
    RealGdp,
    RealGdpPerCapita,
    TreasuryYield2Y,
    TreasuryYield10Y,
    RetailSales,
    Durables,
    NonfarmPayroll,
}

impl Indicator {
    pub const ALL: [Self; 11] = [
        Self::Cpi,
        Self::Inflation,
        Self::FederalFundsRate,
        Self::Unemployment,
        Self::RealGdp,
        Self::RealGdpPerCapita,
        Self::TreasuryYield2Y,
        Self::TreasuryYield10Y,
        Self::RetailSales,
        Self::Durables,
        Self::NonfarmPayroll,
    ];

    /// The name in the lake, the settings and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpi => "CPI",
            Self::Inflation => "INFLATION",
            Self::FederalFundsRate => "FEDERAL_FUNDS_RATE",
            Self::Unemployment => "UNEMPLOYMENT",
            Self::RealGdp => "REAL_GDP",
            Self::RealGdpPerCapita => "REAL_GDP_PER_CAPITA",
            Self::TreasuryYield2Y => "TREASURY_YIELD_2Y",
            Self::TreasuryYield10Y => "TREASURY_YIELD_10Y",
            Self::RetailSales => "RETAIL_SALES",
            Self::Durables => "DURABLES",
            Self::NonfarmPayroll => "NONFARM_PAYROLL",
        }
    }

    /// How long one period is.
    pub const fn interval(self) -> &'static str {
        match self {
            Self::Inflation => "annual",
            Self::RealGdp | Self::RealGdpPerCapita => "quarterly",
            _ => "monthly",
        }
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Indicator {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(given));
        found.ok_or_else(|| ParseError {
            what: "indicator",
            given: given.to_owned(),
            fix: "use CPI, INFLATION, FEDERAL_FUNDS_RATE, UNEMPLOYMENT, REAL_GDP, \
                  REAL_GDP_PER_CAPITA, TREASURY_YIELD_2Y, TREASURY_YIELD_10Y, RETAIL_SALES, \
                  DURABLES or NONFARM_PAYROLL",
        })
    }
}

impl TryFrom<String> for Indicator {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<Indicator> for String {
    fn from(indicator: Indicator) -> Self {
        indicator.to_string()
    }
}

/// The value of one period, as it was first published or as it was revised.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Midnight, UTC, of the first day of the period.
    pub period: DateTime<Utc>,
    pub value: f64,
    /// As the provider writes it, like `percent`.
    pub unit: String,
}

impl Observation {
    /// Whether both say the same, bit for bit; a difference is a revision.
    pub fn has_value_of(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits() && self.unit == other.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indicator_is_found_by_its_name_and_named_in_the_fix() {
        let fix = "x".parse::<Indicator>().unwrap_err().fix;
        for indicator in Indicator::ALL {
            assert_eq!(indicator.as_str().to_lowercase().parse(), Ok(indicator));
            assert!(fix.contains(indicator.as_str()), "{indicator}");
        }
    }
}
