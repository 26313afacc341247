//! One binary for all tests above the unit tests: each further one would link this stack again.
#![expect(clippy::unwrap_used, reason = "a set-up that fails should fail its test")]

mod api;
mod architecture;
mod cli;
mod coinbase_wire;
mod corpus;
mod crash;
mod delta_facts;
mod lake;
mod loopback;
mod recorded;
mod support;
mod three_providers;
