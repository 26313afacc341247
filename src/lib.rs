//! Barkeep keeps market bars: candles from providers into a Delta lake, exactly once.

pub mod clock;
pub mod config;
mod crash;
pub mod error;
pub mod files;
pub mod ingest;
pub mod lake;
pub mod lifecycle;
pub mod market;
pub mod providers;
pub mod quality;
pub mod store;
pub mod telemetry;
