//! The key of an intent: whoever repeats a request under it has nothing done twice.

use axum::http::HeaderMap;

use super::Problem;

pub(super) const KEY: &str = "idempotency-key";

/// Where a key came with something else before.
pub(super) const FIX: &str = "use a new key for a new request";

/// The key, if one was given.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    let is_plain =
        |key: &&str| (1..=200).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic());
    let key = key.to_str().ok().filter(is_plain).ok_or_else(|| {
        let fix = "write 1 to 200 printable characters without spaces";
        Problem::invalid(KEY, "the Idempotency-Key is not valid", fix)
    })?;
    Ok(Some(key.to_owned()))
}
