//! The work path: what is due is enqueued, what is enqueued is run.
//!
//! A tick only enqueues; a job that is queued already is not queued twice, so ticks that were
//! missed collapse into one catch-up. What a job has to do it reads from the ledger when it runs.

mod building;
mod follow_up;
mod letters;
mod out_of_turn;
mod queue;
mod reach;
mod replicas;
mod run;
mod scheduler;
mod stand_in;
mod timetable;
mod verification;
mod worker;

pub use self::{
    follow_up::follow_up,
    letters::{LetterAction, LetterCommand, LetterError, LetterTally, Letters, decide},
    out_of_turn::take_up,
    queue::{JobSpec, Queue},
    replicas::start as start_replicating,
    run::{land, run},
    scheduler::{Heartbeat, start as start_scheduler, timetable},
    timetable::Timetable,
    worker::start as start_workers,
};
