//! `[trading]`: what the account that trades began with, and what it may risk.

use super::reader::Reader;

/// Shares are of the account's equity: 0.05 is five percent.
#[derive(Debug, Clone, PartialEq)]
pub struct TradingConfig {
    /// In the currency in which profits are told.
    pub starting_equity: f64,
    pub max_drawdown: f64,
    pub max_var: f64,
    pub max_position: f64,
}

pub(super) fn trading(read: &mut Reader) -> TradingConfig {
    let mut above_0 = |key: &str| {
        let is_above = |value: &f64| value.is_finite() && *value > 0.0;
        read.get_if(&format!("trading.{key}"), "use a number above 0", is_above)
    };
    TradingConfig {
        starting_equity: above_0("starting_equity"),
        max_drawdown: above_0("max_drawdown"),
        max_var: above_0("max_var"),
        max_position: above_0("max_position"),
    }
}
