//! A simulated market that speaks its providers' wire formats, deterministic from a seed.
//!
//! [`SimulatedMarket`] knows every candle there ever was and [`SimulatedExchange`] lets each
//! [`SimulatedProvider`] tell of it in its own words: `coinbase/`, `oanda/` and `alpha_vantage/`
//! read its questions and write its answers. [`FaultPlan`] says what may go wrong on the way to the
//! client, [`serve`] speaks HTTP for all of them at one address, and [`audit()`] compares a lake with
//! what was published.

mod alpha_vantage;
mod answer;
mod audit;
mod candle;
mod coinbase;
mod decimal;
mod exchange;
mod faults;
mod fields;
mod gate;
mod instant;
mod limit;
mod listing;
mod market;
mod oanda;
mod price;
mod provider;
mod published;
mod reply;
mod routes;
mod sessions;
mod spoil;
mod truth;

pub use audit::{Audit, audit};
pub use candle::MarketCandle;
pub use exchange::SimulatedExchange;
pub use faults::{Decision, Fault, FaultError, FaultPlan, Faults};
pub use gate::Counters;
pub use market::{SimulatedMarket, SimulationConfig};
pub use provider::SimulatedProvider;
use reply::Reply;
pub use routes::serve;
