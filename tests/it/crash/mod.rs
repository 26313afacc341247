//! The real daemon against a simulated exchange, killed wherever it hurts: whatever happens to the
//! process, its lake ends up with every candle once.

mod backfills;
mod kills;
mod letters;
mod points;
mod postgres;
mod replicas;
mod stage;
mod store;
mod two_daemons;
mod upkeep;
