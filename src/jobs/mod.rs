//! The work path: what is due is enqueued, what is enqueued is run.
//!
//! A tick only enqueues; a job that is queued already is not queued twice, so ticks that were
//! missed collapse into one catch-up. What a job has to do it reads from the ledger when it runs.

mod follow_up;
mod queue;
mod reach;
mod replicas;
mod run;
mod scheduler;
mod stand_in;
mod timetable;
mod worker;

pub use self::{
    queue::{JobSpec, Queue},
    replicas::start as start_replicating,
    run::run,
    scheduler::start as start_scheduler,
    timetable::Timetable,
    worker::start as start_workers,
};
