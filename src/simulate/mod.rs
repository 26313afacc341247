//! A simulated exchange: Coinbase Exchange's candles wire format, deterministic from a seed.
//!
//! [`SimulatedMarket`] knows every candle there ever was, [`Faults`] say what may go wrong on the
//! way to the client, [`SimulatedExchange`] decides each request, [`serve`] speaks HTTP and [`audit()`]
//! compares a lake with what was published.

mod audit;
mod candle;
mod exchange;
mod faults;
mod limit;
mod market;
mod price;
mod product;
mod question;
mod reply;
mod routes;
mod spoil;
mod truth;

pub use audit::{Audit, audit};
pub use candle::MarketCandle;
pub use exchange::{Counters, SimulatedExchange};
pub use faults::{Decision, Fault, FaultError, Faults};
pub use limit::RateLimit;
pub use market::{GRANULARITIES, SimulatedMarket, SimulationConfig};
pub use question::{CandleQuery, Refusal};
pub use reply::{Answer, Outcome, Reply};
pub use routes::serve;
