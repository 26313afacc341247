//! Compares what two sources say of the same candles: two providers, or a provider's own candles of
//! two timeframes. Nothing is corrected: both accounts stay, and a divergence becomes a finding.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{Book, Books, IngestError};
use crate::{
    clock::Clock,
    config::ReconcileConfig,
    lake::Lake,
    market::{Candle, Fact, Series, Window},
    quality::{Check, Divergence, Finding},
    store::Store,
    telemetry::Metrics,
};

/// A pair of series to compare; the first one is preferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub check: Check,
    pub series: Series,
    pub other: Series,
}

/// Compares candles that have landed.
#[derive(Debug)]
pub struct Reconciler {
    pub(super) books: Arc<Books>,
    pub(super) lake: Lake,
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: ReconcileConfig,
}

impl Reconciler {
    pub fn new(
        (books, lake, store): (&Arc<Books>, &Lake, &Store),
        (metrics, clock): (&Metrics, &Arc<dyn Clock>),
        config: &ReconcileConfig,
    ) -> Self {
        Self {
            books: books.clone(),
            lake: lake.clone(),
            store: store.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            config: config.clone(),
        }
    }

    /// Compares the candles of `window` that both series have; returns how many there are.
    pub async fn compare(&self, pair: &Pair, window: Window) -> Result<usize, IngestError> {
        let (Some(book), Some(other)) = (self.books.get(&pair.series), self.books.get(&pair.other))
        else {
            return Ok(0);
        };
        let window = window.align(pair.series.timeframe.max(pair.other.timeframe));
        let Some(common) = common(&book, &other, window) else { return Ok(0) };
        let one = self.candles(&book, common).await?;
        let mut two = self.candles(&other, common).await?;
        if pair.other.timeframe != pair.series.timeframe {
            two = whole(&book, &other, common, &two);
        }
        let labels =
            [pair.check.as_str(), pair.series.provider.as_str(), pair.other.provider.as_str()];
        let observed = self.metrics.divergence_bps.with_label_values(&labels);
        let mut findings = Vec::new();
        let mut compared = 0;
        for (open_time, candle) in &one {
            let Some(told) = two.get(open_time) else { continue };
            let prices = Divergence::of_prices(candle, told);
            observed.observe(prices.bps);
            compared += 1;
            let volume = Divergence::of_volume(candle, told);
            if let Some(divergence) = self.intolerable(pair, prices, volume) {
                findings.push(Finding {
                    check: pair.check,
                    series: pair.series.clone(),
                    other: pair.other.clone(),
                    open_time: *open_time,
                    divergence,
                    found_at: self.clock.now(),
                });
            }
        }
        let key = (pair.check, &pair.series, &pair.other);
        self.store.compared(key, common, &findings).await?;
        Ok(compared)
    }

    /// What differs by more than is tolerated, prices first.
    fn intolerable(
        &self,
        pair: &Pair,
        prices: Divergence,
        volume: Option<Divergence>,
    ) -> Option<Divergence> {
        let class = pair.series.instrument.asset_class();
        if prices.bps > self.config.tolerated(pair.check, class) {
            return Some(prices);
        }
        let is_comparable = pair.check == Check::TimeframeMismatch;
        volume.filter(|volume| is_comparable && volume.bps > self.config.timeframe_volume_bps)
    }

    async fn candles(
        &self,
        book: &Book,
        window: Window,
    ) -> Result<BTreeMap<DateTime<Utc>, Candle>, IngestError> {
        let landed = if let Some(landed) = book.recent(window) {
            landed
        } else {
            let table = self.lake.candles(book.series().timeframe);
            table.candles(book.series(), window).await?
        };
        Ok(landed.into_iter().map(|landed| (landed.candle.open_time, landed.candle)).collect())
    }
}

/// From the first to the last candle of `window` that both may have.
fn common(book: &Book, other: &Book, window: Window) -> Option<Window> {
    let coarser = book.series().timeframe.max(other.series().timeframe);
    let landed = |book: &Book| {
        book.with_ledger(|ledger| {
            let mut finals = ledger.facts(window).filter(|run| run.value == Fact::Final);
            let first = finals.next()?;
            let last = finals.next_back().unwrap_or(first);
            Some(Window::new(first.window.start, last.window.end).align(coarser))
        })
    };
    let both = landed(book)?.intersect(landed(other)?).intersect(window);
    (!both.is_empty()).then_some(both)
}

/// The candles that complete finer ones make.
fn whole(
    book: &Book,
    finer: &Book,
    window: Window,
    candles: &BTreeMap<DateTime<Utc>, Candle>,
) -> BTreeMap<DateTime<Utc>, Candle> {
    let timeframe = book.series().timeframe;
    let complete = super::derive::complete(finer, timeframe, window);
    let mut whole: BTreeMap<DateTime<Utc>, Candle> = BTreeMap::new();
    for candle in candles.values() {
        let open_time = timeframe.floor(candle.open_time);
        if complete.iter().any(|run| run.contains(open_time)) {
            whole
                .entry(open_time)
                .and_modify(|whole| whole.absorb(candle))
                .or_insert(Candle { open_time, ..*candle });
        }
    }
    whole
}
