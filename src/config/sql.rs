//! `[sql]`: what questions in SQL may cost.

use std::time::Duration;

use super::{reader::Reader, size::Size, span::Span};

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

/// With less than that hardly any query gets on.
const LEAST: usize = 16 << 20;

pub(super) fn sql(read: &mut Reader, request_timeout: Duration) -> SqlConfig {
    let some = |count: &usize| (1..=1_000).contains(count);
    let enough = |size: &Size| size.0 >= LEAST;
    let memory_bytes = read.get_if("sql.memory", "use 16MiB or more", enough).0;
    let spill = read.get::<Size>("sql.spill").0;
    SqlConfig {
        memory_bytes,
        spill_bytes: u64::try_from(spill).unwrap_or(u64::MAX),
        timeout: read
            .get_if(
                "sql.timeout",
                "use less than server.request_timeout, after which nobody waits for the answer",
                |timeout: &Span| {
                    timeout.is_positive() && Duration::from(*timeout) < request_timeout
                },
            )
            .into(),
        max_rows: read.get_if("sql.max_rows", "use 1 or more", |rows| *rows >= 1),
        queries: read.get_if("sql.queries", "use 1 to 1000", some),
        threads: read.get_if("sql.threads", "use 1 to 1000", some),
    }
}
