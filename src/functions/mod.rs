//! Indicators and measures as functions of SQL.
//!
//! Indicators are window functions: `rsi(close, 14) over (partition by … order by timestamp)`. Several
//! values at once are a struct: `(macd(close, 12, 26, 9) over w)['line']`. Whatever the frame, a function
//! sees every candle of the partition up to its own. Measures are aggregates: `sharpe(return, 365)`,
//! `max_drawdown(equity order by timestamp)`.

mod aggregate;
mod families;
mod window;

use deltalake::datafusion::{
    logical_expr::{AggregateUDF, WindowUDF},
    prelude::SessionContext,
};

use self::{
    aggregate::{OfEquity, Unordered},
    families::FAMILIES,
    window::Indicator,
};

/// Makes every function known to a session.
pub fn register(context: &SessionContext) {
    for family in &FAMILIES {
        context.register_udwf(WindowUDF::new_from_impl(Indicator::new(family)));
    }
    for measure in Unordered::all() {
        context.register_udaf(AggregateUDF::new_from_impl(measure));
    }
    for drawdown in OfEquity::all() {
        context.register_udaf(AggregateUDF::new_from_impl(drawdown));
    }
}

#[cfg(test)]
mod tests;
