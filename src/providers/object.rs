//! JSON objects, and nothing else that could be read as one.

use serde::{
    Deserialize,
    de::{Error, Unexpected},
};

/// Like `serde_json::from_slice`, which would also take a list for the fields in their order.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(Error::invalid_type(Unexpected::Seq, &"an object"));
    }
    serde_json::from_slice(text)
}
