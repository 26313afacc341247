//! Barkeep keeps market bars: candles from providers into a Delta lake, exactly once.

pub mod clock;
pub mod error;
pub mod market;
pub mod simulate;
