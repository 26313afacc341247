//! What bears upon a series at present, collected from all who know something of it.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::Problem;
use crate::{
    app::App,
    ingest::{Book, Role, Schedule},
    market::{Fact, Series, Window},
    providers::{Circuit, HttpClient, Origin},
    query::{Cause, Reason, Situation, Verdict, explain},
    store::DeadLetterFilter,
};

/// No market is closed for longer than this.
const LONGEST_CLOSURE: TimeDelta = TimeDelta::days(10);

/// Letters among which the newest candle's is looked for.
const LETTERS: u32 = 100;

/// The verdict on a series and its causes; those of a series made of finer ones begin there.
pub(super) fn causes<'a>(
    app: &'a App,
    book: &'a Book,
    now: DateTime<Utc>,
) -> BoxFuture<'a, Result<(Verdict, Vec<Cause>), Problem>> {
    Box::pin(async move {
        let situation = situation(app, book, now).await?;
        Ok((situation.freshness.verdict, explain(situation)))
    })
}

async fn situation(app: &App, book: &Book, now: DateTime<Utc>) -> Result<Situation, Problem> {
    let series = book.series();
    let provider = app.providers.get(&series.provider);
    let client = provider.map(|provider| provider.client());
    let lacking = lacking(app, book, now);
    let is_refused = matches!(lacking, Some((_, Some(Fact::Quarantined { .. }))));
    let letter = match lacking {
        Some((at, _)) if is_refused => letter(app, series, at).await?,
        _ => None,
    };
    let children = match app.providers.offer(series) {
        Some(Origin::Derived { from }) => {
            let child = Series { timeframe: from, ..series.clone() };
            let of_child = match app.books.get(&child) {
                Some(book) => causes(app, &book, now).await?.1,
                None => Vec::new(),
            };
            Some((child, of_child))
        }
        _ => None,
    };
    let schedule = Schedule::Poll(series.timeframe);
    let on_duty = app.on_duty(&series.instrument, series.timeframe);
    Ok(Situation {
        freshness: app.freshness(book, now),
        role: app.roster().role(series),
        held_up: app.schedules.paused(schedule).map(|paused| (schedule.as_str(), paused)),
        lacks: lacks(app, series),
        trouble: book.trouble(),
        circuit_open_until: client.and_then(HttpClient::circuit_open_until),
        paused_until: client.and_then(|client| client.budget().paused_until),
        lacking,
        letter,
        opens_at: opens_at(book, now),
        children,
        served_by: on_duty.filter(|other| other != series && serves(app, other, now)),
    })
}

fn lacks(app: &App, series: &Series) -> Option<&'static str> {
    let mut lacking = app.providers.lacking();
    lacking.find(|(provider, _)| **provider == series.provider).map(|(_, setting)| setting)
}

fn serves(app: &App, series: &Series, now: DateTime<Utc>) -> bool {
    app.books.get(series).is_some_and(|book| {
        matches!(app.freshness(&book, now).verdict, Verdict::Fresh | Verdict::Closed)
    })
}

/// The oldest candle after the newest that is there, or the first of all.
fn lacking(app: &App, book: &Book, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Option<Fact>)> {
    let due = app.closed_until(book.series(), now);
    book.with_ledger(|ledger| {
        let at = ledger.frontier(due).unwrap_or_else(|| ledger.watermark(due));
        (at < due).then(|| (at, ledger.fact_at(at)))
    })
}

async fn letter(
    app: &App,
    series: &Series,
    at: DateTime<Utc>,
) -> Result<Option<(String, String)>, Problem> {
    let filter = DeadLetterFilter { subject: Some(series.into()), ..DeadLetterFilter::default() };
    let letters = app.store.dead_letters(&filter, LETTERS).await?;
    let of_candle = letters.into_iter().find(|kept| kept.letter.open_time == Some(at));
    Ok(of_candle.map(|kept| {
        let words = format!("{}, {}", kept.letter.expectation, kept.letter.detail);
        (kept.letter.id, words)
    }))
}

fn opens_at(book: &Book, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let coming = Window::new(now, now + LONGEST_CLOSURE);
    book.calendar().sessions(coming).first().map(|session| session.start)
}

/// What keeps every gap of a series from being asked for, and until when.
pub(super) fn obstacle(app: &App, book: &Book) -> Option<(Reason, Option<DateTime<Utc>>)> {
    let series = book.series();
    if lacks(app, series).is_some() {
        return Some((Reason::NoCredentials, None));
    }
    match app.roster().role(series) {
        Role::Imported | Role::Disabled => return Some((Reason::NotKept, None)),
        Role::StandIn => return Some((Reason::StandsIn, None)),
        Role::Kept => {}
    }
    if let Some(Origin::Derived { .. }) = app.providers.offer(series) {
        return Some((Reason::WaitingForChildren, None));
    }
    let client = app.providers.get(&series.provider)?.client();
    if client.circuit() == Circuit::Open {
        return Some((Reason::CircuitOpen, client.circuit_open_until()));
    }
    let trouble = book.trouble()?;
    let reason = match trouble.outcome {
        "circuit_open" => Reason::CircuitOpen,
        "exhausted" => Reason::QuotaExhausted,
        _ => Reason::ProviderFailing,
    };
    Some((reason, Some(trouble.retry_at)))
}
