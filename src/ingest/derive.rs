//! Candles of a timeframe that the provider lacks, from complete finer ones only.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Book, Books, IngestError};
use crate::{
    clock::Clock,
    lake::{Lake, LandedCandle},
    market::{Candle, CandleState, Provenance, RawBatch, RawText, Series, Timeframe, Window},
    quality::{Verdict, validate},
};

/// Aggregates the candles of `children`.
#[derive(Debug)]
pub struct Derivation {
    pub(super) children: Series,
    pub(super) books: Arc<Books>,
    pub(super) lake: Lake,
    pub(super) clock: Arc<dyn Clock>,
}

impl Derivation {
    /// One verdict per stretch of the window whose children are all accounted for.
    pub(super) async fn fetch(
        &self,
        book: &Book,
        window: Window,
    ) -> Result<Vec<Verdict>, IngestError> {
        let Some(children) = self.books.get(&self.children) else {
            return Err(IngestError::UnknownSeries { series: self.children.clone() });
        };
        let mut verdicts = Vec::new();
        for ready in complete(&children, book.series().timeframe, window) {
            let table = self.lake.candles(self.children.timeframe);
            let landed = table.candles(&self.children, ready).await?;
            let raw = self.aggregate(book.series(), ready, &landed);
            verdicts.push(validate(raw, book.calendar(), TimeDelta::zero()));
        }
        Ok(verdicts)
    }

    fn aggregate(&self, series: &Series, window: Window, children: &[LandedCandle]) -> RawBatch {
        let mut parents: BTreeMap<DateTime<Utc>, Candle> = BTreeMap::new();
        for child in children {
            let open_time = series.timeframe.floor(child.candle.open_time);
            parents
                .entry(open_time)
                .and_modify(|parent| parent.absorb(&child.candle))
                .or_insert(Candle { open_time, ..child.candle });
        }
        let candles: crate::market::Candles = parents.into_values().collect();
        let texts: Vec<String> = candles.iter().map(|candle| format!("{candle:?}")).collect();
        let extracted_at = self.clock.now();
        RawBatch {
            series: series.clone(),
            window,
            provenance: Provenance {
                extracted_at,
                made_at: extracted_at,
                source: format!("derived from {}", self.children),
                is_mock: children.iter().any(|child| child.is_mock),
                is_derived: true,
            },
            rows: (0..candles.len()).collect(),
            candles,
            raw: RawText::new(move |row| Bytes::from(texts[row].clone())),
            unfinished: 0,
            unreadable: Vec::new(),
        }
    }
}

/// The candles of `window` with no child missing, pending, refused or waived, as runs.
pub(super) fn complete(children: &Book, timeframe: Timeframe, window: Window) -> Vec<Window> {
    // A candle that begins before its children do would be made of too few of them.
    let beginning = children.with_ledger(crate::market::Ledger::beginning);
    let window = Window::new(window.start.max(timeframe.ceil(beginning)), window.end);
    let states = children.with_ledger(|ledger| ledger.states_since(window.start, window));
    let unfit = states.into_iter().filter(|run| {
        matches!(
            run.value,
            CandleState::Missing
                | CandleState::Pending
                | CandleState::Quarantined
                | CandleState::Waived
        )
    });
    let mut runs = Vec::new();
    let mut at = window.start;
    for run in unfit {
        let run = run.window.align(timeframe);
        runs.push(Window::new(at, run.start));
        at = at.max(run.end);
    }
    runs.push(Window::new(at, window.end));
    runs.retain(|run| !run.is_empty());
    runs
}
