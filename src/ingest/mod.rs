//! The write path: from an answer to rows in the lake and facts in the ledger.
//!
//! ```text
//! source.rs     provider pages, or derive.rs from finer candles ─► RawBatch
//!                                                                    │ quality::validate
//! land.rs       one landing per series at a time                     ▼ Verdict
//!   ├─ refused rows ─► store (dead letters), before anything else
//!   ├─ known.rs        what the lake has of the same candles: unchanged rows are dropped
//!   ├─ evidence.rs     rows and holes ─► facts about every candle of the window
//!   ▼
//! group.rs      all landings that arrive during one commit form the next one
//!   ├─ lake            rows + txn per series + record of the facts, one Delta commit
//!   ├─ book.rs         the facts enter the ledgers in memory
//!   └─ store           the same facts and the commit's version, one transaction
//!
//! collect.rs    the same for news and macroeconomic indicators; agenda.rs says when
//! roster.rs     who is asked for an asset, and who stands in
//! reconcile.rs  two accounts of the same candle, compared after they landed
//! catch_up.rs   at start, and when somebody else committed: replays the records of the log
//! follow.rs     what other replicas land, taken in so that everyone may be read from
//! ```
#![doc = include_str!("decisions.md")]

mod agenda;
mod book;
mod catch_up;
mod collect;
mod compactor;
mod derive;
mod error;
mod evidence;
mod follow;
mod group;
mod import;
mod known;
mod land;
mod plan;
mod reconcile;
mod roster;
mod source;
mod spend_log;
mod trouble;

pub use self::{
    agenda::{FeedState, Standing},
    book::{Book, Books},
    catch_up::{Concerns, catch_up, take_over},
    collect::{Collected, Collector},
    error::IngestError,
    evidence::Policy,
    follow::Follower,
    import::{ImportSummary, Importer},
    land::{Landed, Lander},
    plan::{closed_until, fill_window, poll_window},
    reconcile::{Pair, Reconciler},
    roster::{NotOffered, Role, Roster, lineage},
    source::{Fetched, Source},
    spend_log::StoredSpending,
    trouble::Trouble,
};
