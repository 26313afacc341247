//! What a market is: instruments, timeframes, windows, calendars, candles and what is known of them;
//! what is told about it: news and macroeconomic indicators; and what its users decide and trade.
//!
//! Pure words and arithmetic, no input or output. Instants are UTC; a column of instants holds
//! microseconds since 1970.

mod article;
mod batch;
mod by;
mod calendar;
mod candle;
mod feed;
mod indicator;
mod instrument;
mod ledger;
mod money;
mod record;
mod scope;
mod series;
mod table_name;
mod timeframe;
mod window;

pub use article::Mention;
pub use batch::{Provenance, RawBatch, RawItems, RawText};
pub use by::By;
pub use calendar::{Adjusted, Calendar, Calendars};
pub use candle::{Candle, Candles};
pub use feed::{Feed, Subject};
pub use indicator::{Indicator, Observation};
pub use instrument::{AssetClass, InstrumentId};
pub use ledger::{CandleState, Fact, Ledger, Run, candles_in};
pub use money::Money;
pub use record::{Action, Decision, Execution, Record, RecordKey, RecordKind, Side, Status};
pub use scope::Scope;
pub use series::{ProviderId, Series};
pub use table_name::{Layer, TableName};
pub use timeframe::Timeframe;
pub use window::Window;

/// A name that could not be read, and what would have been accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not valid: {fix}")]
pub struct ParseError {
    pub what: &'static str,
    pub given: String,
    pub fix: &'static str,
}
