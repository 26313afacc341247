//! One binary for all tests above the unit tests: each further one would link this stack again.
#![expect(clippy::unwrap_used, reason = "a set-up that fails should fail its test")]

mod access;
mod alpha_vantage_wire;
mod api;
mod architecture;
mod asking;
mod backfill;
mod buckets;
mod calendars;
mod cli;
mod coinbase_advanced_wire;
mod coinbase_wire;
mod corpus;
mod crash;
mod delta_facts;
mod doctor;
mod fallback;
mod fault_matrix;
mod feeds;
mod lake;
mod letters;
mod loopback;
mod managed;
mod oanda_wire;
mod operations;
mod planning;
mod reconcile;
mod recorded;
mod roster;
mod sql;
mod store;
mod support;
mod telling;
mod three_providers;
mod upkeep;
mod verify;
