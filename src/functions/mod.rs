//! Indicators, measures and what is inside of JSON, as functions of SQL.
//!
//! Indicators are window functions: `rsi(close, 14) over (partition by … order by timestamp)`. Several
//! values at once are a struct: `(macd(close, 12, 26, 9) over w)['line']`. Whatever the frame, a function
//! sees every candle of the partition up to its own. `carry(value)` is the newest value that is
//! not null. Measures are aggregates: `sharpe(return, 365)`,
//! `max_drawdown(equity order by timestamp)`. Of a JSON text, like `raw` of a decision,
//! `json_get_str(raw, 'stop_loss', 'price')` and the like give a part, and null where there is none.

mod aggregate;
mod carry;
mod families;
mod market;
mod window;

use std::sync::Arc;

use datafusion_functions_json::udfs;
use deltalake::datafusion::{
    logical_expr::{AggregateUDF, ScalarUDF, WindowUDF},
    prelude::SessionContext,
};

use self::{
    aggregate::{OfEquity, Unordered},
    carry::Carry,
    families::FAMILIES,
    window::Indicator,
};

/// Makes every function known to a session.
pub fn register(context: &SessionContext) {
    context.register_udf(market::asset_class());
    context.register_udwf(WindowUDF::new_from_impl(Carry::new()));
    for function in json() {
        context.register_udf(ScalarUDF::clone(&function));
    }
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

/// Those that look into a JSON text and give what any reader of a table knows.
fn json() -> [Arc<ScalarUDF>; 7] {
    [
        udfs::json_get_str_udf(),
        udfs::json_get_int_udf(),
        udfs::json_get_float_udf(),
        udfs::json_get_bool_udf(),
        udfs::json_as_text_udf(),
        udfs::json_contains_udf(),
        udfs::json_length_udf(),
    ]
}

#[cfg(test)]
mod tests;
