//! The parts of an answer about many series, each kept until its series changes or a second passes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{ingest::Role, market::Series};

/// What an answer says of one series.
#[derive(Debug)]
pub struct Part {
    pub body: Box<RawValue>,
    /// The same as long as the substance is.
    pub mark: [u8; 32],
}

impl Part {
    /// `substance` is what a caller must not miss; the rest of `body` follows from it and the time.
    pub fn new(body: Box<RawValue>, substance: &[u8]) -> Self {
        Self { body, mark: Sha256::digest(substance).into() }
    }
}

/// All that a part is made of: the second, the version of the book, and what the series is for.
pub type Basis = (DateTime<Utc>, u64, Role);

/// The newest part of every series that was asked for.
#[derive(Debug, Default)]
pub struct Parts(Mutex<HashMap<Series, (Basis, Arc<Part>)>>);

impl Parts {
    /// The part of `series` on that basis: the one that is kept, or a new one.
    pub fn get_or<E>(
        &self,
        series: &Series,
        basis: Basis,
        new: impl FnOnce() -> Result<Part, E>,
    ) -> Result<Arc<Part>, E> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, part)) = kept().get(series).filter(|(of, _)| *of == basis) {
            return Ok(part.clone());
        }
        let part = Arc::new(new()?);
        kept().insert(series.clone(), (basis, part.clone()));
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_part_is_made_again_when_anything_it_is_made_of_has_changed() {
        let parts = Parts::default();
        let series = |name: &str| format!("coinbase/{name}/1m").parse::<Series>().unwrap();
        let second = DateTime::from_timestamp(1, 0).unwrap();
        let made = |name: &str, basis: Basis| {
            let mut is_new = false;
            let new = || {
                is_new = true;
                Ok::<_, Infallible>(Part::new(RawValue::NULL.to_owned(), b"a"))
            };
            parts.get_or(&series(name), basis, new).unwrap();
            is_new
        };
        let basis = (second, 1, Role::Kept);
        assert!(made("BTCUSD", basis) && !made("BTCUSD", basis));
        assert!(made("ETHUSD", basis), "another series");
        assert!(made("BTCUSD", (second, 2, Role::Kept)));
        assert!(made("BTCUSD", (second, 2, Role::Disabled)));
        assert!(made("BTCUSD", (DateTime::UNIX_EPOCH, 2, Role::Disabled)));
        assert!(!made("ETHUSD", basis));
    }
}
