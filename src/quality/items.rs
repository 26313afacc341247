//! What a good item of a feed is: from `RawItems` to what may land and dead letters.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::DeadLetter;
use crate::market::{Feed, Mention, Observation, Provenance, RawItems};

/// Clocks differ by a little; an item further in the future would hide all that come before it.
const TOLERATED_SKEW: TimeDelta = TimeDelta::minutes(10);

/// What became of every item of one answer.
#[derive(Debug)]
pub struct Judged<T> {
    /// Oldest first, each key once.
    pub valid: Vec<T>,
    pub refused: Vec<DeadLetter>,
}

/// Something that can be judged.
pub trait Item {
    type Key: Ord;

    /// What it is known by in its feed.
    fn key(&self) -> Self::Key;

    /// When it was published, or its period begins.
    fn at(&self) -> DateTime<Utc>;

    /// Whether one answer may not give both.
    fn contradicts(&self, other: &Self) -> bool;

    /// Field, value and bounds of the first number that is none or out of bounds.
    fn complaint(&self) -> Option<(&'static str, String)>;
}

impl Item for Mention {
    type Key = String;

    fn key(&self) -> String {
        self.article_id()
    }

    fn at(&self) -> DateTime<Utc> {
        self.published_at
    }

    /// Articles are listed twice when somebody has edited them; the first will do.
    fn contradicts(&self, _other: &Self) -> bool {
        false
    }

    fn complaint(&self) -> Option<(&'static str, String)> {
        let bounded = [
            ("relevance_in_range", "relevance_score", self.relevance, 0.0..=1.0),
            ("sentiment_in_range", "ticker_sentiment_score", self.sentiment, -1.0..=1.0),
        ];
        let broken = bounded.into_iter().find(|(.., value, range)| !range.contains(value));
        broken.map(|(name, field, value, range)| {
            let (low, high) = range.into_inner();
            (name, format!("{field} {value} is not from {low} to {high}"))
        })
    }
}

impl Item for Observation {
    type Key = DateTime<Utc>;

    fn key(&self) -> DateTime<Utc> {
        self.period
    }

    fn at(&self) -> DateTime<Utc> {
        self.period
    }

    fn contradicts(&self, other: &Self) -> bool {
        !self.has_value_of(other)
    }

    fn complaint(&self) -> Option<(&'static str, String)> {
        let is_bad = !self.value.is_finite();
        is_bad.then(|| ("finite", format!("value {} is NaN or infinite", self.value)))
    }
}

/// Judges every item of an answer.
pub fn judge<T: Item>(feed: &Feed, raw: RawItems<T>) -> Judged<T> {
    let Provenance { source, extracted_at, .. } = &raw.provenance;
    let letter = |at, expectation: &str, detail, bytes: Bytes| {
        DeadLetter::new(feed.into(), at, expectation, detail, bytes, (source, *extracted_at))
    };
    let unreadable = raw.unreadable.into_iter();
    let mut refused: Vec<DeadLetter> =
        unreadable.map(|(bytes, reason)| letter(None, "readable", reason, bytes)).collect();
    let mut by_key: BTreeMap<T::Key, Vec<(T, Bytes)>> = BTreeMap::new();
    for (item, bytes) in raw.items {
        let at = item.at();
        let is_early = at > *extracted_at + TOLERATED_SKEW;
        let early = || ("not_in_future", format!("{at} lies after the answer of {extracted_at}"));
        match item.complaint().or_else(|| is_early.then(early)) {
            Some((name, detail)) => refused.push(letter(Some(at), name, detail, bytes)),
            None => by_key.entry(item.key()).or_default().push((item, bytes)),
        }
    }
    let mut valid = Vec::new();
    for items in by_key.into_values() {
        if items.iter().any(|(item, _)| item.contradicts(&items[0].0)) {
            let detail = format!("one answer gives it {} times with different values", items.len());
            refused.extend(items.into_iter().map(|(item, bytes)| {
                letter(Some(item.at()), "no_conflict", detail.clone(), bytes)
            }));
        } else {
            valid.extend(items.into_iter().next().map(|(item, _)| item));
        }
    }
    valid.sort_by_key(Item::at);
    Judged { valid, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-05-17T12:00:00Z";

    fn judged<T: Item>(items: Vec<T>) -> (usize, Vec<String>) {
        let provenance = Provenance {
            extracted_at: NOW.parse().unwrap(),
            made_at: NOW.parse().unwrap(),
            source: "test".into(),
            is_mock: false,
            is_derived: false,
        };
        let items = items.into_iter().map(|item| (item, Bytes::from_static(b"{}"))).collect();
        let raw = RawItems { provenance, items, unreadable: Vec::new(), more_from: None };
        let feed = "alpha_vantage/macro/CPI".parse().unwrap();
        let Judged { valid, refused } = judge(&feed, raw);
        assert!(valid.is_sorted_by_key(Item::at));
        (valid.len(), refused.into_iter().map(|letter| letter.expectation).collect())
    }

    fn mention(url: &str, at: &str, relevance: f64, sentiment: f64) -> Mention {
        Mention {
            published_at: at.parse().unwrap(),
            title: String::new(),
            url: url.into(),
            source: String::new(),
            relevance,
            sentiment,
            label: String::new(),
            topics: Vec::new(),
        }
    }

    #[test]
    fn scores_have_bounds_and_the_future_is_refused() {
        let (valid, refused) = judged(vec![
            mention("a", NOW, 1.0, -1.0),
            mention("b", "2026-05-17T12:10:00Z", 0.0, 1.0),
            mention("c", "2026-05-17T16:00:00Z", 0.5, 0.5),
            mention("d", NOW, 1.01, 0.0),
            mention("e", NOW, 0.5, f64::NAN),
            mention("a", "2026-05-17T11:00:00Z", 0.5, 0.5),
        ]);
        assert_eq!(valid, 2);
        assert_eq!(refused, ["not_in_future", "relevance_in_range", "sentiment_in_range"]);
    }

    #[test]
    fn t22_contradictions_land_neither_way_and_repetitions_once() {
        let observation = |day: &str, value| Observation {
            period: format!("{day}T00:00:00Z").parse().unwrap(),
            value,
            unit: "percent".into(),
        };
        let (valid, refused) = judged(vec![
            observation("2026-03-01", 1.0),
            observation("2026-02-01", 2.0),
            observation("2026-03-01", 1.5),
            observation("2026-02-01", 2.0),
            observation("2026-01-01", f64::INFINITY),
        ]);
        assert_eq!((valid, refused.len()), (1, 3));
        assert_eq!(refused, ["finite", "no_conflict", "no_conflict"]);
    }
}
