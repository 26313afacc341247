//! The read path: answers from memory where they are asked for many times a second.

mod answers;
mod days;
mod explain;
mod freshness;
mod gaps;
mod parts;
mod readings;

pub use self::{
    answers::{Answer, Answers},
    days::{Condition, Day, days},
    explain::{Cause, Situation, explain},
    freshness::{Freshness, Verdict, freshness},
    gaps::{Asked, Gap, Reason, gaps, left_to_backfills},
    parts::{Basis, Part, Parts},
    readings::{Read, Readings},
};
