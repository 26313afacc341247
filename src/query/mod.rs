//! The read path: answers from memory where they are asked for many times a second.

mod freshness;

pub use freshness::{Freshness, Verdict, freshness};
