//! `[sql]`: what questions in SQL may cost.

use std::time::Duration;

use super::{positive, reader::Reader, size::Size};

#[derive(Debug, Clone)]
pub struct SqlConfig {
    /// Bytes that all queries together hold in memory.
    pub memory_bytes: usize,
    /// Bytes that they put on disk when that is not enough.
    pub spill_bytes: u64,
    /// How long one may take.
    pub timeout: Duration,
    /// Rows of one answer.
    pub max_rows: usize,
    /// Queries that are worked at at the same time.
    pub queries: usize,
    /// Threads that work at them.
    pub threads: usize,
}

pub(super) fn sql(read: &mut Reader) -> SqlConfig {
    let some = |count: &usize| (1..=1_000).contains(count);
    let mut bytes = |path| read.get::<Size>(path).0;
    let (memory_bytes, spill) = (bytes("sql.memory"), bytes("sql.spill"));
    SqlConfig {
        memory_bytes,
        spill_bytes: u64::try_from(spill).unwrap_or(u64::MAX),
        timeout: positive(read, "sql.timeout"),
        max_rows: read.get_if("sql.max_rows", "use 1 or more", |rows| *rows >= 1),
        queries: read.get_if("sql.queries", "use 1 to 1000", some),
        threads: read.get_if("sql.threads", "use 1 to 1000", some),
    }
}
