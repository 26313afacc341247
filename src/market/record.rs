//! What the users of the data write down themselves: what they decided, and what came of it.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{InstrumentId, Money, ParseError};

/// The two tables of records. Written as the table is called, and also read without what precedes its
/// last word: `raw_ai_decisions`, `decisions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RecordKind {
    Decision,
    Execution,
}

/// What somebody has decided about an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub id: String,
    pub asset: InstrumentId,
    pub at: DateTime<Utc>,
    pub action: Action,
    /// In percent.
    pub confidence: i32,
    pub reasoning: Option<String>,
    /// Who decided, like `ensemble`.
    pub provider: Option<String>,
    pub mode: Option<String>,
    pub entry_price: Option<f64>,
    pub position_size: Option<f64>,
    /// JSON.
    pub ensemble: Option<String>,
    /// JSON.
    pub market: Option<String>,
}

/// A trade, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub trade_id: String,
    pub decision_id: Option<String>,
    pub asset: InstrumentId,
    /// Where it was traded; `unknown` where nobody said.
    pub platform: String,
    pub side: Side,
    pub order_type: Option<String>,
    pub quantity: Money,
    pub entry_price: Option<Money>,
    pub exit_price: Option<Money>,
    pub fees: Option<Money>,
    pub realized_pnl: Option<Money>,
    pub entry_time: DateTime<Utc>,
    pub exit_time: Option<DateTime<Utc>>,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Buy,
    Sell,
    Hold,
    /// Too few of those asked have answered.
    NoDecision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Long,
    Short,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Pending,
    Filled,
    Rejected,
    Closed,
}

/// One record of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Decision(Decision),
    Execution(Execution),
}

/// What a record is known by in its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    /// Of the decision, or of the trade.
    pub id: String,
    /// Of a trade; a decision has none.
    pub status: Option<Status>,
}

impl RecordKind {
    pub const ALL: [Self; 2] = [Self::Decision, Self::Execution];

    /// What its table is called.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Decision => "raw_ai_decisions",
            Self::Execution => "raw_trade_executions",
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::Decision => "decisions",
            Self::Execution => "executions",
        }
    }
}

impl Record {
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Decision(decision) => RecordKey { id: decision.id.clone(), status: None },
            Self::Execution(trade) => {
                RecordKey { id: trade.trade_id.clone(), status: Some(trade.status) }
            }
        }
    }

    /// When it was decided, or the trade was entered.
    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Decision(decision) => decision.at,
            Self::Execution(trade) => trade.entry_time,
        }
    }
}

impl Action {
    pub const ALL: [Self; 4] = [Self::Buy, Self::Sell, Self::Hold, Self::NoDecision];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
            Self::Hold => "HOLD",
            Self::NoDecision => "NO_DECISION",
        }
    }
}

impl Side {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "LONG",
            Self::Short => "SHORT",
        }
    }

    /// 1 where a rising price is a profit, otherwise -1.
    pub const fn direction(self) -> f64 {
        match self {
            Self::Long => 1.0,
            Self::Short => -1.0,
        }
    }
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Filled, Self::Rejected, Self::Closed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Filled => "filled",
            Self::Rejected => "rejected",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table())
    }
}

impl FromStr for RecordKind {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let is_it = |kind: &Self| given == kind.table() || given == kind.short();
        Self::ALL.into_iter().find(is_it).ok_or_else(|| ParseError {
            what: "table",
            given: given.to_owned(),
            fix: "write decisions or executions",
        })
    }
}

impl TryFrom<String> for RecordKind {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<RecordKind> for String {
    fn from(kind: RecordKind) -> Self {
        kind.to_string()
    }
}

impl FromStr for Action {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let is_it = |action: &Self| action.as_str().eq_ignore_ascii_case(given);
        Self::ALL.into_iter().find(is_it).ok_or_else(|| ParseError {
            what: "action",
            given: given.to_owned(),
            fix: "write BUY, SELL, HOLD or NO_DECISION",
        })
    }
}

impl FromStr for Side {
    type Err = ParseError;

    /// Also what is done to get there, and the word of Coinbase's futures.
    fn from_str(given: &str) -> Result<Self, ParseError> {
        let word = given.to_ascii_uppercase();
        match word.strip_prefix("FUTURES_POSITION_SIDE_").unwrap_or(&word) {
            "LONG" | "BUY" => Ok(Self::Long),
            "SHORT" | "SELL" => Ok(Self::Short),
            _ => Err(ParseError {
                what: "side",
                given: given.to_owned(),
                fix: "write LONG or SHORT, or BUY or SELL",
            }),
        }
    }
}

impl FromStr for Status {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let is_it = |status: &Self| status.as_str().eq_ignore_ascii_case(given);
        Self::ALL.into_iter().find(is_it).ok_or_else(|| ParseError {
            what: "status",
            given: given.to_owned(),
            fix: "write pending, filled, rejected or closed",
        })
    }
}
