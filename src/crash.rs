//! Named points at which a test kills the process, as a power cut would. Absent in release builds.

/// Aborts if the environment says `BARKEEP_CRASH_AT=name` or `name:n` (the n-th time it is passed).
#[cfg(debug_assertions)]
pub(crate) fn point(name: &'static str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };

    static TARGET: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "a switch for tests, not a setting")]
        let text = std::env::var("BARKEEP_CRASH_AT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), count.parse().unwrap_or(1)))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);

    if let Some((target, count)) = &*TARGET
        && target == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &'static str) {}
