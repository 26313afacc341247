//! Which window to ask for next, from what the ledger says is owed.

use chrono::{DateTime, TimeDelta, Utc};

use crate::market::{Fact, Ledger, Run, Timeframe, Window};

/// Candles that open before this have closed and settled.
pub fn closed_until(now: DateTime<Utc>, settle: TimeDelta, timeframe: Timeframe) -> DateTime<Utc> {
    timeframe.floor(now - settle)
}

/// What a live poll asks for: everything new and the last `refetch` candles again, but at most a
/// page; what is older is left to the backfill. `None` before the first candle has closed.
pub fn poll_window(
    ledger: &Ledger,
    timeframe: Timeframe,
    closed_until: DateTime<Utc>,
    refetch: i64,
    page: i64,
) -> Option<Window> {
    let candles = |count: i64| TimeDelta::seconds(timeframe.seconds() * count);
    let oldest = closed_until - candles(page);
    let again = ledger.frontier(closed_until).map_or(oldest, |at| at - candles(refetch));
    let window = Window::new(again.max(oldest).max(ledger.origin()), closed_until);
    (!window.is_empty()).then_some(window)
}

/// The oldest stretch of at most `chunk` candles that may be asked about at `now`, together with
/// the `refetch` candles before it, by which the answer can be believed.
pub fn fill_window(
    ledger: &Ledger,
    timeframe: Timeframe,
    (closed_until, now): (DateTime<Utc>, DateTime<Utc>),
    reask_after: TimeDelta,
    (refetch, chunk): (i64, i64),
) -> Option<Window> {
    let gaps = ledger.gaps(closed_until);
    let mut askable = gaps
        .iter()
        .flat_map(|gap| questions(ledger, gap.window))
        .filter(|run| asked_at(run.value).is_none_or(|asked_at| asked_at + reask_after <= now));
    let first = askable.next()?.window;
    let limit = first.start + TimeDelta::seconds(timeframe.seconds() * chunk);
    let mut end = first.end;
    for run in askable.take_while(|run| run.window.start < limit) {
        end = run.window.end;
    }
    let anchor = first.start - TimeDelta::seconds(timeframe.seconds() * refetch);
    Some(Window::new(anchor.max(ledger.origin()), end.min(limit)))
}

/// When the earliest question that must wait may be asked; `None` if none is waiting.
pub fn next_question_at(
    ledger: &Ledger,
    closed_until: DateTime<Utc>,
    reask_after: TimeDelta,
) -> Option<DateTime<Utc>> {
    let gaps = ledger.gaps(closed_until);
    let asked = gaps.iter().flat_map(|gap| questions(ledger, gap.window));
    asked
        .map(|run| asked_at(run.value).map_or(DateTime::<Utc>::MIN_UTC, |at| at + reask_after))
        .min()
}

/// A gap, split by when its candles were last asked for; `None` is never.
fn questions(ledger: &Ledger, gap: Window) -> Vec<Run<Option<Fact>>> {
    let mut runs = Vec::new();
    let mut at = gap.start;
    for fact in ledger.facts(gap) {
        runs.push(Run { window: Window::new(at, fact.window.start), value: None });
        runs.push(Run { window: fact.window, value: Some(fact.value) });
        at = fact.window.end;
    }
    runs.push(Run { window: Window::new(at, gap.end), value: None });
    runs.retain(|run| !run.window.is_empty());
    runs
}

fn asked_at(fact: Option<Fact>) -> Option<DateTime<Utc>> {
    match fact {
        Some(Fact::Absent { asked_at, .. }) => DateTime::from_timestamp_micros(asked_at),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
