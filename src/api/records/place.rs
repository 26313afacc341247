//! Where a page of records has got to, as a cursor.

use std::fmt::Write;

use chrono::DateTime;

use super::super::{
    Problem,
    extract::{cursor, read_place},
};
use crate::{
    lake::{RecordPlace, RevisedRecord},
    market::{RecordKey, RecordKind},
};

/// An id may have any letters in it, so its bytes are written as hexadecimal digits.
pub(super) fn after(row: &RevisedRecord) -> String {
    let RecordKey { id, status } = row.record.key();
    let digits = id.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    let place = status.map_or(digits.clone(), |status| format!("{digits}.{}", status.as_str()));
    cursor(row.record.at(), &place)
}

/// Where it goes on in the list of a kind; only trades are in a state.
pub(super) fn read(kind: RecordKind, text: &str) -> Result<RecordPlace, Problem> {
    read_place(text, |micros, place| {
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        let (digits, status) = match place.split_once('.') {
            Some((digits, status)) => (digits, Some(status.parse().ok()?)),
            None => (place, None),
        };
        let is_of_kind = (kind == RecordKind::Execution) == status.is_some();
        let id = id(digits).filter(|_| is_of_kind)?;
        Some(RecordPlace { at, key: RecordKey { id, status } })
    })
}

fn id(digits: &str) -> Option<String> {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.bytes().all(is_digit) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(pairs.map(byte).collect::<Option<_>>()?).ok()
}
