//! Compares a lake with what the simulated providers published, candle by candle.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::{SimulatedMarket, SimulatedProvider, published::Publication};
use crate::{
    app::App,
    ingest::Book,
    lake::{LakeError, LandedCandle},
    market::{Candle, CandleState, Series, Window},
    providers::Origin,
};

/// What a comparison found. Missing, invented, altered and duplicated should be zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Landed as published.
    pub agree: usize,
    /// Landed as published then; the exchange has revised them since and was not asked again yet.
    pub revised_since: usize,
    /// Published, and not in the lake although everything around is accounted for.
    pub missing: usize,
    /// In the lake, never published.
    pub invented: usize,
    /// In the lake with values that were never published.
    pub altered: usize,
    /// Rows that repeat the key and revision of another.
    pub duplicated: usize,
}

impl Audit {
    pub fn is_clean(self) -> bool {
        self.missing + self.invented + self.altered + self.duplicated == 0
    }
}

/// An answer is made a moment before it is received.
const ON_THE_WAY: TimeDelta = TimeDelta::seconds(60);

/// Every configured series from its origin to its watermark.
///
/// Refused candles are excused: their bytes are among the dead letters.
pub fn audit<'a>(
    app: &'a App,
    market: &'a SimulatedMarket,
) -> BoxFuture<'a, Result<Audit, LakeError>> {
    Box::pin(async move {
        let mut audit = Audit::default();
        for book in app.live_books() {
            let timeframe = book.series().timeframe;
            let due = app.closed_until(book.series(), app.clock.now());
            let window =
                book.with_ledger(|ledger| Window::new(ledger.origin(), ledger.watermark(due)));
            let landed = app.lake.candles(timeframe).candles(book.series(), window).await?;
            match app.providers.offer(book.series()) {
                None => {}
                Some(Origin::Native) => {
                    let series = book.series();
                    let Some(provider) = SimulatedProvider::of(&series.provider) else { continue };
                    let price = app.config.providers.oanda.price;
                    let published = Publication { market, provider, series, price };
                    native(&book, published, window, &landed, &mut audit);
                }
                Some(Origin::Derived { from }) => {
                    let children = Series { timeframe: from, ..book.series().clone() };
                    let children = app.lake.candles(from).candles(&children, window).await?;
                    derived(&book, &children, &landed, &mut audit);
                }
            }
        }
        for table in app.lake.tables() {
            audit.duplicated += table.duplicates().await?;
        }
        Ok(audit)
    })
}

fn native(
    book: &Book,
    published: Publication<'_>,
    window: Window,
    landed: &[LandedCandle],
    audit: &mut Audit,
) {
    let owed = published.candles(window, i64::MAX);
    let mut owed: BTreeMap<_, _> = owed.map(|candle| (candle.open_time, candle)).collect();
    for landed in landed {
        let open_time = landed.candle.open_time;
        let was_published = || {
            let only = Window::of_candles(open_time, book.series().timeframe, 1);
            [landed.extracted_at, landed.extracted_at - ON_THE_WAY]
                .into_iter()
                .flat_map(|at| published.candles(only, at.timestamp()))
                .any(|candle| candle.has_values_of(&landed.candle))
        };
        match owed.remove(&open_time) {
            None => audit.invented += 1,
            Some(candle) if candle.has_values_of(&landed.candle) => audit.agree += 1,
            Some(_) if was_published() => audit.revised_since += 1,
            Some(_) => audit.altered += 1,
        }
    }
    audit.missing += owed.keys().filter(|at| !is_excused(book, **at)).count();
}

/// Refused, or not to be had any more.
fn is_excused(book: &Book, open_time: DateTime<Utc>) -> bool {
    let candle = Window::of_candles(open_time, book.series().timeframe, 1);
    let states = book.with_ledger(|ledger| ledger.states(candle));
    let excused = |state| matches!(state, CandleState::Quarantined | CandleState::Waived);
    states.iter().all(|run| excused(run.value))
}

/// Derived candles are owed to the finer candles in the lake, which are compared themselves.
fn derived(book: &Book, children: &[LandedCandle], landed: &[LandedCandle], audit: &mut Audit) {
    let timeframe = book.series().timeframe;
    let mut owed: BTreeMap<DateTime<Utc>, Candle> = BTreeMap::new();
    for LandedCandle { candle, .. } in children {
        let open_time = timeframe.floor(candle.open_time);
        owed.entry(open_time)
            .and_modify(|whole| whole.absorb(candle))
            .or_insert(Candle { open_time, ..*candle });
    }
    for landed in landed {
        match owed.remove(&landed.candle.open_time) {
            None => audit.invented += 1,
            Some(candle) if candle.has_values_of(&landed.candle) => audit.agree += 1,
            Some(_) => audit.altered += 1,
        }
    }
    audit.missing += owed.keys().filter(|at| !is_excused(book, **at)).count();
}
