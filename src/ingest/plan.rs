//! Which window to ask for next, from what the ledger says is owed.

use chrono::{DateTime, TimeDelta, Utc};

use super::Policy;
use crate::market::{CandleState, Fact, Ledger, Run, Timeframe, Window};

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
    let again = match ledger.frontier(closed_until) {
        Some(due) if due < closed_until => before(ledger, timeframe, due, refetch),
        // With nothing due a closed market is left alone.
        Some(all) => all - candles(refetch),
        None => oldest,
    };
    let window = Window::new(again.max(oldest).max(ledger.origin()), closed_until);
    (!window.is_empty()).then_some(window)
}

/// The oldest stretch that may be asked about at `now`, up to where `piece_end` has a piece of history
/// end that begins there. What was asked for before comes with the `refetch` candles ahead of it, by
/// which the answer can be believed; history that nobody has asked for speaks for itself, and one
/// candle more may be one request more.
pub fn fill_window(
    (ledger, taken): (&Ledger, &[Window]),
    timeframe: Timeframe,
    (closed_until, now): (DateTime<Utc>, DateTime<Utc>),
    policy: Policy,
    refetch: i64,
    piece_end: impl Fn(DateTime<Utc>) -> DateTime<Utc>,
) -> Option<Window> {
    let questions = questions((ledger, taken), closed_until, policy);
    let askable = || questions.iter().filter(|question| question.value <= now);
    let candles = |count: i64| TimeDelta::seconds(timeframe.seconds() * count);
    // History that nobody has asked for yet comes before holes that were asked for in vain; the
    // newest candles do not, or there would always be one more of them.
    let history = closed_until - candles(NEARBY);
    let is_new = |question: &&Run<DateTime<Utc>>| {
        question.value == NEVER_ASKED && question.window.start < history
    };
    let first = askable().find(is_new).or_else(|| askable().next())?;
    let is_asked_anew = first.value != NEVER_ASKED;
    let first = first.window;
    let limit = piece_end(first.start);
    let mut end = first.end;
    for question in askable().skip_while(|question| question.window.start <= first.start) {
        let between = Window::new(end, question.window.start);
        if question.window.start >= limit || expected(ledger, timeframe, between) > NEARBY {
            break;
        }
        end = question.window.end;
    }
    let anchor =
        if is_asked_anew { before(ledger, timeframe, first.start, refetch) } else { first.start };
    Some(Window::new(anchor.max(ledger.beginning()), end.min(limit)))
}

const NEVER_ASKED: DateTime<Utc> = DateTime::<Utc>::MIN_UTC;

/// Two questions this many candles apart go into one window; further apart it would fetch more
/// that is known than it saves. Hours in which the market is closed do not count.
const NEARBY: i64 = 300;

/// Where the last `count` candles before `at` begin that the calendar expects, however long the
/// market was closed in between: an answer is believed by what is known, and closed hours are not.
pub fn before(
    ledger: &Ledger,
    timeframe: Timeframe,
    at: DateTime<Utc>,
    count: i64,
) -> DateTime<Utc> {
    let mut back = count;
    loop {
        let recent = Window::new(at - TimeDelta::seconds(timeframe.seconds() * back), at);
        let mut wanted = count;
        for run in ledger.calendar().expected(recent, timeframe).iter().rev() {
            if run.candles(timeframe) >= wanted {
                return run.end - TimeDelta::seconds(timeframe.seconds() * wanted);
            }
            wanted -= run.candles(timeframe);
        }
        if wanted == 0 || recent.start <= ledger.beginning() {
            return recent.start;
        }
        back *= 2;
    }
}

fn expected(ledger: &Ledger, timeframe: Timeframe, window: Window) -> i64 {
    let expected = ledger.calendar().expected(window, timeframe);
    expected.iter().map(|run| run.candles(timeframe)).sum()
}

/// When the earliest question may be asked; `None` if there is none.
pub(super) fn next_question_at(
    known: (&Ledger, &[Window]),
    closed_until: DateTime<Utc>,
    policy: Policy,
) -> Option<DateTime<Utc>> {
    questions(known, closed_until, policy).iter().map(|question| question.value).min()
}

/// The candles that may still come, and from when on they may be asked for: those never asked for,
/// those absent from the last answer, and those that were refused only a few times.
fn questions(
    (ledger, taken): (&Ledger, &[Window]),
    closed_until: DateTime<Utc>,
    policy: Policy,
) -> Vec<Run<DateTime<Utc>>> {
    // Also what a backfill has asked for in vain before the history that is kept by itself.
    let from = ledger.beginning();
    let window = Window::new(from, closed_until.max(from));
    let mut questions = Vec::new();
    for state in ledger.states(window) {
        match state.value {
            CandleState::Pending => {
                questions.push(Run { window: state.window, value: NEVER_ASKED });
            }
            CandleState::Missing | CandleState::Quarantined => {
                questions.extend(again(ledger, state.window, policy));
            }
            _ => {}
        }
    }
    taken.iter().fold(questions, |questions, window| outside(questions, *window))
}

/// What is left of the questions without those about `window`.
fn outside(questions: Vec<Run<DateTime<Utc>>>, window: Window) -> Vec<Run<DateTime<Utc>>> {
    let parts = |question: Run<DateTime<Utc>>| {
        let before = Window::new(question.window.start, question.window.end.min(window.start));
        let after = Window::new(question.window.start.max(window.end), question.window.end);
        [before, after].map(|part| Run { window: part, value: question.value })
    };
    questions.into_iter().flat_map(parts).filter(|part| !part.window.is_empty()).collect()
}

fn again(
    ledger: &Ledger,
    window: Window,
    policy: Policy,
) -> impl Iterator<Item = Run<DateTime<Utc>>> + '_ {
    // Nothing can be concluded about a hole that no candle follows, and every poll asks for it.
    let last = ledger.last_final(DateTime::<Utc>::MAX_UTC);
    ledger.facts(window).filter_map(move |run| {
        let is_followed = last.is_some_and(|last| run.window.start < last);
        let asked_at = match run.value {
            Fact::Absent { asked_at, .. } if is_followed => asked_at,
            Fact::Quarantined { asks, asked_at } if asks < policy.confirmations => asked_at,
            Fact::Doubted { asked_at, .. } => asked_at,
            _ => return None,
        };
        let value = DateTime::from_timestamp_micros(asked_at)? + policy.reask_after;
        Some(Run { window: run.window, value })
    })
}

#[cfg(test)]
mod tests;
