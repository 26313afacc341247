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
//! replay.rs     dead letters judged again by the rules of today (reread.rs), and landed late
//! collect.rs    the same for news and macroeconomic indicators; agenda.rs says when
//! records.rs    what users decide and trade, judged and landed as it comes, each revision once
//! roster.rs     who is asked for an asset, and who stands in; present.rs has the one that holds now
//! schedules.rs  what happens by itself, and whether it is held up
//! reconcile.rs  two accounts of the same candle, compared after they landed
//! rewind.rs     takes back what is known, so that it is asked for again
//! catch_up.rs   at start, and when somebody else committed: replays the records of the log
//! follow.rs     what other replicas land, taken in so that everyone may be read from
//! keeper.rs     the lake maintained once a day: what nobody needs any more is removed
//! ```
#![doc = include_str!("decisions.md")]

mod agenda;
mod behind;
mod book;
mod books;
mod catch_up;
mod collect;
mod compactor;
mod derive;
mod error;
mod evidence;
mod follow;
mod group;
mod import;
mod keeper;
mod known;
mod land;
mod plan;
mod present;
mod reconcile;
mod records;
mod replay;
mod reread;
mod rewind;
mod roster;
mod running;
mod schedules;
mod source;
mod spend_log;
mod trouble;
mod uncompared;

pub use self::{
    agenda::{FeedState, Standing},
    book::Book,
    books::Books,
    catch_up::{Concerns, catch_up, take_over},
    collect::{Collected, Collector},
    error::IngestError,
    evidence::Policy,
    follow::Follower,
    import::{ImportSummary, Importer},
    keeper::Keeper,
    land::{Landed, Lander},
    plan::{before, closed_until, fill_window, poll_window},
    present::Present,
    reconcile::{Pair, Reconciler},
    records::{Fate, Recorder},
    replay::{Outcome, Replay, Replayer},
    rewind::rewind,
    roster::{NotOffered, Role, Roster, lineage, offered, seeds},
    running::{Begun, Running},
    schedules::{Schedule, Schedules},
    source::{Fetched, Source},
    spend_log::StoredSpending,
    trouble::Trouble,
};
