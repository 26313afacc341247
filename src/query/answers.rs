//! Answers that many ask for many times a second, kept for as long as nothing changes.
//!
//! An answer is a function of the question, the second and what the books know; the epoch counts every
//! change of that. So whoever asks gets what would be worked out anew, only sooner.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// A body, and the mark by which callers say that they have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub body: Bytes,
    /// As in the `ETag` header: the same as long as the substance is.
    pub mark: String,
}

impl Answer {
    /// `substance` is what a caller must not miss; the rest of `body` follows from it and the time.
    pub fn new(body: impl Into<Bytes>, substance: &[u8]) -> Self {
        let digits: [u8; 16] = Sha256::digest(substance)[..16].try_into().unwrap_or_default();
        let mark = format!("W/\"{:032x}\"", u128::from_be_bytes(digits));
        Self { body: body.into(), mark }
    }
}

/// Questions that are kept at a time; callers could invent more.
const MOST: usize = 256;

#[derive(Debug, Default)]
pub struct Answers(Mutex<HashMap<String, Kept>>);

#[derive(Debug)]
struct Kept {
    at: DateTime<Utc>,
    epoch: u64,
    answer: Answer,
}

impl Answers {
    /// The answer to `question` as of `at`, if nothing has changed since it was worked out.
    pub fn get(&self, question: &str, at: DateTime<Utc>, epoch: u64) -> Option<Answer> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(question).filter(|kept| kept.at == at && kept.epoch == epoch)?;
        Some(kept.answer.clone())
    }

    /// `epoch` is from before the answer was worked out, so that it is not kept for too long.
    pub fn keep(&self, question: &str, at: DateTime<Utc>, epoch: u64, answer: &Answer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(question) {
            kept.retain(|_, kept| kept.at == at);
            if kept.len() >= MOST {
                kept.clear();
            }
        }
        kept.insert(question.to_owned(), Kept { at, epoch, answer: answer.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn an_answer_is_kept_until_a_second_passes_or_anything_changes() {
        let answers = Answers::default();
        let answer = Answer::new("a", b"a");
        answers.keep("q", at(1), 7, &answer);
        assert_eq!(answers.get("q", at(1), 7), Some(answer));
        assert_eq!(answers.get("q", at(2), 7), None);
        assert_eq!(answers.get("q", at(0), 7), None, "a clock that is set back");
        assert_eq!(answers.get("q", at(1), 8), None);
        assert_eq!(answers.get("p", at(1), 7), None);
    }

    #[test]
    fn callers_who_invent_questions_do_not_fill_the_memory() {
        let answers = Answers::default();
        for n in 0..10 * MOST {
            answers.keep(&n.to_string(), at(1), 0, &Answer::new("a", b"a"));
        }
        assert!(answers.0.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn another_substance_has_another_mark() {
        assert_eq!(Answer::new("a", b"x").mark, Answer::new("b", b"x").mark);
        assert_ne!(Answer::new("a", b"x").mark, Answer::new("a", b"y").mark);
    }
}
