//! The checks by name, and what came of them.

use serde::Serialize;

use crate::market::ProviderId;

/// What is looked at. The id is for those who quote a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    Reachable,
    Credentials,
    Clock,
    Symbols,
    History,
    RunningCandle,
    UnknownSymbol,
    Order,
    Bounds,
    LargestPage,
    BeforeHistory,
    Timeframes,
}

impl Check {
    pub const ALL: [Self; 12] = [
        Self::Reachable,
        Self::Credentials,
        Self::Clock,
        Self::Symbols,
        Self::History,
        Self::RunningCandle,
        Self::UnknownSymbol,
        Self::Order,
        Self::Bounds,
        Self::LargestPage,
        Self::BeforeHistory,
        Self::Timeframes,
    ];

    pub const fn id(self) -> &'static str {
        self.id_and_name().0
    }

    pub const fn name(self) -> &'static str {
        self.id_and_name().1
    }

    const fn id_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::Reachable => ("P01", "reachable"),
            Self::Credentials => ("P02", "credentials"),
            Self::Clock => ("P03", "clock"),
            Self::Symbols => ("P04", "symbols"),
            Self::History => ("P05", "history"),
            Self::RunningCandle => ("P06", "running candle"),
            Self::UnknownSymbol => ("P07", "unknown symbol"),
            Self::Order => ("P08", "order"),
            Self::Bounds => ("P09", "bounds"),
            Self::LargestPage => ("P10", "largest page"),
            Self::BeforeHistory => ("P11", "before history"),
            Self::Timeframes => ("P12", "timeframes"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Good,
    /// Nothing is broken, and somebody should know.
    Note,
    Bad,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Bad => "BAD",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    pub id: &'static str,
    pub check: &'static str,
    pub outcome: Outcome,
    /// In plain words; what is bad says what to do.
    pub says: String,
}

/// One provider, examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkup {
    pub provider: ProviderId,
    pub results: Vec<CheckResult>,
}

impl Checkup {
    pub fn new(provider: &ProviderId) -> Self {
        Self { provider: provider.clone(), results: Vec::new() }
    }

    pub fn add(&mut self, check: Check, outcome: Outcome, says: String) {
        self.results.push(CheckResult { id: check.id(), check: check.name(), outcome, says });
    }

    pub fn is_healthy(&self) -> bool {
        self.results.iter().all(|result| result.outcome != Outcome::Bad)
    }
}
