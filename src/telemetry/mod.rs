//! What an operator sees: log lines and metrics.

mod logging;
mod metrics;
mod registrar;

pub use logging::init as init_logging;
pub use metrics::Metrics;
pub use registrar::Family;
