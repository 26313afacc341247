//! History that somebody asked for: planned, fetched chunk by chunk, held up and given up on command.
//!
//! ```text
//! request ─► plan.rs: which candles, in which chunks, for how many requests
//!               │ command.rs: written down with its chunks, if no other backfill has them
//!               ▼
//!            store: chunks ◄── claim, renew, settle ── work.rs, on every replica
//!               │                                         │ the ledger says what is still wanted
//!               ▼                                         ▼
//!            progress.rs: counts, ETA                  Source ─► Lander, as for any other candle
//! ```
//!
//! A chunk carries no data and no cursor: what it still has to ask for, the ledger knows. So a chunk
//! that is done twice, by a worker that was thought dead, lands nothing twice. While a backfill has
//! not ended, nobody else asks for its history.

mod command;
mod plan;
mod progress;
mod request;
mod state;
mod work;

pub use self::{
    command::{CommandError, Created, MOST_CHUNKS, Wish, act, create, repeated},
    plan::{Conflict, Plan, ProviderShare, Unit, fewest_chunks, plan},
    progress::{Progress, progress},
    request::{Kind, Order, Priority, Reprocess, Request},
    state::{Action, Status, status},
    work::{start, step, take_up, tick},
};
