//! `[backfill]`: how chunks of backfills are worked at.

use chrono::TimeDelta;

use super::{positive, reader::Reader};

#[derive(Debug, Clone)]
pub struct BackfillConfig {
    /// Chunks of each provider that are worked at at the same time.
    pub workers: usize,
    /// How long a worker that gives no sign of life keeps its chunk.
    pub lease: TimeDelta,
}

pub(super) fn backfill(read: &mut Reader) -> BackfillConfig {
    let some = |count: &usize| (1..=100).contains(count);
    BackfillConfig {
        workers: read.get_if("backfill.workers", "use 1 to 100", some),
        lease: positive(read, "backfill.lease"),
    }
}
