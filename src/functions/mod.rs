//! Indicators as window functions of SQL: `rsi(close, 14) over (partition by … order by timestamp)`.
//!
//! Several values at once are a struct: `macd(close, 12, 26, 9) over w['line']`. Whatever the frame, a
//! function sees every candle of the partition up to its own.

mod families;
mod window;

use deltalake::datafusion::{logical_expr::WindowUDF, prelude::SessionContext};

use self::{families::FAMILIES, window::Indicator};

/// Makes every function known to a session.
pub fn register(context: &SessionContext) {
    for family in &FAMILIES {
        context.register_udwf(WindowUDF::new_from_impl(Indicator::new(family)));
    }
}

#[cfg(test)]
mod tests;
