//! What the lake already has of the candles of an answer, so that only news is appended.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::Book;
use crate::{
    lake::{CandleTable, LakeError, LandedCandle, Rows},
    market::Window,
    quality::ValidBatch,
};

/// The newest candles of a series, kept in memory because every poll asks for them again.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Every candle that landed from here on is in the tail; `None` while that is not known.
    complete_from: Option<DateTime<Utc>>,
    candles: BTreeMap<DateTime<Utc>, LandedCandle>,
}

/// More than any poll asks for again.
const TAIL_CANDLES: usize = 64;

/// The newest of the candles that the lake has of `window`, oldest first.
#[derive(Debug)]
pub(super) struct Newest {
    window: Window,
    /// `candles` is all there is from here to the end of the window.
    from: DateTime<Utc>,
    candles: Vec<LandedCandle>,
}

/// What the lake has of one window after a landing: what it had, and the rows that were news.
pub(super) struct Part<'a> {
    pub(super) window: Window,
    pub(super) known: &'a HashMap<i64, LandedCandle>,
    pub(super) rows: &'a Rows,
}

impl Newest {
    /// Walks back from the newest part until there is enough, or a stretch was not asked about.
    pub(super) fn of(parts: &[Part<'_>]) -> Option<Self> {
        let last = parts.last()?;
        let mut newest: BTreeMap<DateTime<Utc>, LandedCandle> = BTreeMap::new();
        let mut from = last.window.end;
        for part in parts.iter().rev() {
            if part.window.end != from || newest.len() >= TAIL_CANDLES {
                break;
            }
            newest.extend(part.known.values().map(|known| (known.candle.open_time, *known)));
            newest.extend((0..part.rows.revisions.len()).map(|row| {
                let known = landed_candle(part.rows, row);
                (known.candle.open_time, known)
            }));
            from = part.window.start;
        }
        let candles: Vec<_> = newest.into_values().collect();
        let window = Window::new(parts.first()?.window.start, last.window.end);
        Some(Self { window, from, candles })
    }
}

impl Tail {
    /// Learns of a landing; `last_final` is the newest candle that the series now has.
    pub(super) fn extend(&mut self, newest: Newest, last_final: Option<DateTime<Utc>>) {
        let Newest { window, from, candles } = newest;
        let is_cut = from > window.start;
        self.complete_from = match self.complete_from {
            None if last_final.is_some_and(|last| last >= window.end) => return,
            Some(own) if window.end < own => return,
            Some(own) if from > own && !is_cut => Some(own),
            _ => Some(from),
        };
        self.candles.extend(candles.into_iter().map(|known| (known.candle.open_time, known)));
        if let Some(from) = self.complete_from {
            self.candles = self.candles.split_off(&from);
        }
        while self.candles.len() > TAIL_CANDLES {
            self.candles.pop_first();
            self.complete_from = self.candles.first_key_value().map(|(at, _)| *at);
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The candles of `window`, if all of them are here.
    pub(super) fn get(&self, window: Window) -> Option<Vec<LandedCandle>> {
        let from = self.complete_from?;
        let inside = self.candles.range(window.start..window.end);
        (window.start >= from).then(|| inside.map(|(_, known)| *known).collect())
    }
}

/// Every candle that has landed of `window`, from memory or else from the lake.
pub(super) async fn known(
    book: &Book,
    table: &CandleTable,
    window: Window,
) -> Result<HashMap<i64, LandedCandle>, LakeError> {
    let landed = {
        let state = book.state();
        let mut finals = state.ledger.facts(window).filter(|run| run.value.has_landed());
        let Some(first) = finals.next() else { return Ok(HashMap::new()) };
        let last = finals.next_back().unwrap_or(first);
        let landed = Window::new(first.window.start, last.window.end);
        if let Some(candles) = state.tail.get(landed) {
            return Ok(by_time(candles.into_iter()));
        }
        landed
    };
    let candles = table.candles(book.series(), landed).await?;
    Ok(by_time(candles.into_iter()))
}

fn by_time(candles: impl Iterator<Item = LandedCandle>) -> HashMap<i64, LandedCandle> {
    candles.map(|known| (known.candle.open_time.timestamp_micros(), known)).collect()
}

fn landed_candle(rows: &Rows, row: usize) -> LandedCandle {
    let provenance = rows.batch.provenance();
    LandedCandle {
        candle: rows.batch.candles().get(row),
        revision: rows.revisions[row],
        extracted_at: provenance.extracted_at,
        is_derived: provenance.is_derived,
        is_mock: provenance.is_mock,
    }
}

/// When an account was received that is about to land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// Just now: it goes before whatever has landed.
    Newest,
    /// Some time ago, and what has landed may be newer.
    Late,
}

/// The rows of an answer that are news, and how many were not.
pub(super) struct News {
    pub(super) rows: Rows,
    pub(super) unchanged: usize,
    pub(super) revised: usize,
}

/// A late account never takes the place of a newer one.
pub(super) fn news(
    batch: ValidBatch,
    known: &HashMap<i64, LandedCandle>,
    account: Account,
) -> News {
    let received_at = batch.provenance().extracted_at;
    let is_newer =
        |known: &LandedCandle| account == Account::Late && known.extracted_at >= received_at;
    let candles = batch.candles();
    if known.is_empty() {
        let revisions = vec![0; candles.len()];
        return News { rows: Rows { batch, revisions }, unchanged: 0, revised: 0 };
    }
    let (mut kept, mut revisions) = (Vec::new(), Vec::new());
    for (row, open_time) in candles.open_time.iter().enumerate() {
        let revision = match known.get(open_time) {
            None => 0,
            Some(known) if known.candle.has_values_of(&candles.get(row)) => continue,
            Some(known) if is_newer(known) => continue,
            Some(known) => known.revision + 1,
        };
        kept.push(row);
        revisions.push(revision);
    }
    let unchanged = candles.len() - kept.len();
    let revised = revisions.iter().filter(|revision| **revision > 0).count();
    News { rows: Rows { batch: batch.select(&kept), revisions }, unchanged, revised }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::market::Candle;

    fn minute(n: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(n * 60, 0).unwrap()
    }

    fn known_at(n: i64, close: f64) -> LandedCandle {
        let open_time = minute(n);
        LandedCandle {
            candle: Candle { open_time, open: 1.0, high: 9.0, low: 0.5, close, volume: None },
            revision: 0,
            extracted_at: open_time,
            is_derived: false,
            is_mock: true,
        }
    }

    proptest! {
        /// Whatever the order of landings, the tail answers rightly or not at all.
        #[test]
        fn the_tail_never_claims_what_it_does_not_know(
            landings in prop::collection::vec((0_i64..1_500, 1_i64..600, any::<u8>()), 1..25),
            forgotten_after in 0_usize..25,
        ) {
            let mut tail = Tail::default();
            let mut truth: BTreeMap<i64, LandedCandle> = BTreeMap::new();
            for (turn, (from, length, salt)) in landings.into_iter().enumerate() {
                if turn == forgotten_after {
                    tail.forget();
                }
                let landed = (from..from + length).filter(|n| (n + i64::from(salt)) % 7 != 0);
                truth.extend(landed.map(|n| (n, known_at(n, f64::from(salt)))));
                let window = Window::new(minute(from), minute(from + length));
                let all: Vec<_> = truth.range(from..from + length).map(|(_, k)| *k).collect();
                let cut = all.len().saturating_sub(TAIL_CANDLES);
                let oldest = if cut > 0 { all[cut].candle.open_time } else { window.start };
                let newest = Newest { window, from: oldest, candles: all[cut..].to_vec() };
                tail.extend(newest, truth.last_key_value().map(|(_, k)| k.candle.open_time));
                for start in (0..2_200).step_by(13) {
                    let window = Window::new(minute(start), minute(start) + TimeDelta::minutes(40));
                    if let Some(told) = tail.get(window) {
                        let expected: Vec<_> =
                            truth.range(start..start + 40).map(|(_, k)| *k).collect();
                        prop_assert_eq!(told, expected);
                    }
                }
            }
        }
    }
}
