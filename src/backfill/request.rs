//! What is asked for: which candles of which series, and what of them to do again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    market::{CandleState, InstrumentId, ProviderId, Series, Timeframe, Window},
    providers::Lane,
};

/// With absolute times, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub kind: Kind,
    pub assets: Vec<InstrumentId>,
    pub timeframes: Vec<Timeframe>,
    pub provider: Option<ProviderId>,
    /// What the above comes to.
    pub series: Vec<Series>,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub priority: Priority,
    pub order: Order,
    pub reprocess: Reprocess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// History that is wanted.
    Backfill,
    /// Gaps that are to be closed; goes before history.
    Repair,
}

/// Which backfill goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

/// Which chunks go first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    OldestFirst,
    NewestFirst,
}

/// Which candles are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reprocess {
    /// Those that are not accounted for.
    #[default]
    Missing,
    /// Those as well that were refused.
    Failed,
    /// All: what has landed is compared, and what has changed becomes a revision.
    All,
}

impl Request {
    pub const fn window(&self) -> Window {
        Window::new(self.start, self.end)
    }

    pub const fn lane(&self) -> Lane {
        match self.kind {
            Kind::Backfill => Lane::Backfill,
            Kind::Repair => Lane::Repair,
        }
    }
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Repair => "repair",
        }
    }
}

impl Priority {
    pub(super) const fn rank(self) -> i64 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
        }
    }
}

impl Reprocess {
    /// Whether a candle in that state is asked for.
    pub(super) const fn wants(self, state: CandleState) -> bool {
        match state {
            CandleState::Pending | CandleState::Missing | CandleState::Waived => true,
            CandleState::Quarantined => matches!(self, Self::Failed | Self::All),
            CandleState::Final | CandleState::NoTrade | CandleState::BeforeHistory => {
                matches!(self, Self::All)
            }
            CandleState::MarketClosed => false,
        }
    }
}
