//! The providers that the simulator speaks for.

use std::{fmt, str::FromStr};

use crate::market::{ParseError, ProviderId};

/// A provider whose wire format is simulated, with faults, limits and counters of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimulatedProvider {
    Coinbase,
    Oanda,
    AlphaVantage,
}

impl SimulatedProvider {
    pub const ALL: [Self; 3] = [Self::Coinbase, Self::Oanda, Self::AlphaVantage];

    /// Barkeep's own name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Oanda => "oanda",
            Self::AlphaVantage => "alpha_vantage",
        }
    }

    /// The one of that id; `None` for a provider that is not simulated.
    pub fn of(id: &ProviderId) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == id.as_str())
    }
}

impl fmt::Display for SimulatedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SimulatedProvider {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|provider| provider.name() == given);
        known.ok_or_else(|| ParseError {
            what: "simulated provider",
            given: given.to_owned(),
            fix: "use coinbase, oanda or alpha_vantage",
        })
    }
}
