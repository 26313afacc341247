//! Barkeep keeps market bars: candles from providers into a Delta lake, exactly once.
//!
//! Futures that programs and tests call from outside are boxed: an `async fn` is compiled anew in
//! every crate that awaits it, and what lies below is large.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

pub mod access;
pub mod api;
pub mod app;
pub mod backfill;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
mod crash;
pub mod error;
pub mod features;
pub mod files;
pub mod fleet;
pub mod formats;
pub mod functions;
pub mod indicators;
pub mod ingest;
pub mod jobs;
pub mod lake;
pub mod lifecycle;
pub mod lineage;
pub mod market;
pub mod measures;
pub mod models;
pub mod providers;
pub mod quality;
pub mod query;
pub mod records;
pub mod serve;
pub mod simulate;
pub mod sql;
pub mod store;
pub mod telemetry;
pub mod verify;
