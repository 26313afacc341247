//! A refused record: what it was, why it was refused, and the bytes to try again with.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::market::Subject;

/// Kept for every refusal. The id is a hash of what was refused and why, so refusing the same
/// bytes twice keeps one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// `dl_` and 32 hexadecimal digits.
    pub id: String,
    /// The series or feed it was meant for.
    pub subject: Subject,
    /// When the candle opens, the article was published, the period begins. Absent where not even the
    /// time could be read.
    pub open_time: Option<DateTime<Utc>>,
    /// Name of the expectation that did not hold.
    pub expectation: String,
    /// Field, value and fix in plain words.
    pub detail: String,
    /// As the source sent it.
    pub raw: Bytes,
    pub source: String,
    pub extracted_at: DateTime<Utc>,
}

impl DeadLetter {
    /// An answer of which nothing can be read.
    pub fn whole_answer(
        subject: Subject,
        detail: String,
        raw: Bytes,
        from: (&str, DateTime<Utc>),
    ) -> Self {
        Self::new(subject, None, "readable_answer", detail, raw, from)
    }

    pub fn new(
        subject: Subject,
        open_time: Option<DateTime<Utc>>,
        expectation: &str,
        detail: String,
        raw: Bytes,
        (source, extracted_at): (&str, DateTime<Utc>),
    ) -> Self {
        let mut hash = Sha256::new();
        for part in [subject.to_string().as_bytes(), expectation.as_bytes(), &raw] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(open_time.map_or(i64::MIN, |at| at.timestamp_micros()).to_le_bytes());
        let digits = u128::from_be_bytes(hash.finalize()[..16].try_into().unwrap_or_default());
        Self {
            id: format!("dl_{digits:032x}"),
            subject,
            open_time,
            expectation: expectation.to_owned(),
            detail,
            raw,
            source: source.to_owned(),
            extracted_at,
        }
    }
}
