//! What an operator sees: log lines and metrics.

mod logging;
mod metrics;

pub use logging::init as init_logging;
pub use metrics::Metrics;
