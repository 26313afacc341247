//! What a landing means for others: finer candles make coarser ones, and accounts are compared.

use super::JobSpec;
use crate::{
    app::App,
    ingest::{IngestError, Landed, Pair, Schedule},
    market::{AssetClass, Series, Timeframe},
    providers::Origin,
    quality::Check,
};

/// What is now known of candles is news for the timeframes derived from them, and for whoever has
/// candles of the same time.
pub fn follow_up(app: &App, series: &Series, landed: &Landed) {
    let Some(window) = landed.window else { return };
    for timeframe in Timeframe::ALL {
        let derived = Series { timeframe, ..series.clone() };
        if app.providers.offer(&derived) != Some(Origin::Derived { from: series.timeframe }) {
            continue;
        }
        if let Some(book) = app.books.get(&derived) {
            book.recheck(window.align(timeframe));
            app.queue.enqueue(JobSpec::Fill(derived));
        }
    }
    if landed.rows > 0
        && !pairs(app, series).is_empty()
        && let Some(book) = app.books.get(series)
    {
        book.compare_later(window);
        if !app.schedules.is_paused(Schedule::Reconcile) {
            app.schedules.ticked(Schedule::Reconcile, app.clock.now());
            app.queue.enqueue(JobSpec::Reconcile(series.clone()));
        }
    }
}

/// Candles that one comparison reads at most of each series.
const MOST: i64 = 50_000;

/// Compares what has landed of the series since the last time, a limited number of candles.
pub(super) async fn reconcile(app: &App, series: &Series) -> Result<(), IngestError> {
    let Some(book) = app.books.get(series) else { return Ok(()) };
    let Some(window) = book.take_to_compare(MOST) else { return Ok(()) };
    for pair in pairs(app, series) {
        if let Err(error) = app.reconciler.compare(&pair, window).await {
            book.compare_later(window);
            return Err(error);
        }
    }
    if book.has_to_compare() {
        app.queue.enqueue(JobSpec::Reconcile(series.clone()));
    }
    Ok(())
}

/// Who else has the same candles: other providers, and the provider's own of another timeframe.
fn pairs(app: &App, series: &Series) -> Vec<Pair> {
    let roster = app.roster();
    let candidates = roster.candidates(&series.instrument, series.timeframe);
    let place = |of: &Series| candidates.iter().position(|candidate| candidate == of);
    let mut pairs = Vec::new();
    for peer in candidates.iter().filter(|peer| *peer != series && has_book(app, peer)) {
        let is_first = place(series) < place(peer);
        let (first, second) = if is_first { (series, peer) } else { (peer, series) };
        pairs.push(pair(Check::ProviderDivergence, first, second));
    }
    for coarse in [Timeframe::H4, Timeframe::D1] {
        let whole = Series { timeframe: coarse, ..series.clone() };
        let parts = Series { timeframe: Timeframe::H1, ..series.clone() };
        let is_either = *series == whole || *series == parts;
        // A day of a stock has the auctions, which its hours lack.
        let is_sum = series.instrument.asset_class() != AssetClass::Equity;
        let is_native = app.providers.offer(&whole) == Some(Origin::Native) && is_sum;
        if is_either && is_native && has_book(app, &whole) && has_book(app, &parts) {
            pairs.push(pair(Check::TimeframeMismatch, &whole, &parts));
        }
    }
    pairs
}

fn pair(check: Check, series: &Series, other: &Series) -> Pair {
    Pair { check, series: series.clone(), other: other.clone() }
}

fn has_book(app: &App, series: &Series) -> bool {
    app.books.get(series).is_some()
}
