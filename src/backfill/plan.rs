//! The planner: the same for a preview, for what is created, and for what a chunk asks for at last.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Kind, Order, Request};
use crate::{
    app::App,
    config::Limit,
    ingest::{Book, Source, before, lineage},
    market::{CandleState, Ledger, ProviderId, Run, Series, Window},
    store::{NewChunk, StoreError},
};

/// What a request comes to, at this moment.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub units: Vec<Unit>,
    /// In the order in which they are to be done.
    pub chunks: Vec<NewChunk>,
    pub providers: Vec<ProviderShare>,
    pub conflicts: Vec<Conflict>,
}

/// One series of a plan.
#[derive(Debug, Clone)]
pub struct Unit {
    pub series: Series,
    /// What this series can answer for of the request; empty if nothing.
    pub window: Window,
    pub chunks: usize,
    pub candles_wanted: i64,
    /// In the lake already, and left alone.
    pub candles_skipped: i64,
    pub requests: i64,
}

/// What a plan costs at one provider.
#[derive(Debug, Clone)]
pub struct ProviderShare {
    pub provider: ProviderId,
    pub requests: i64,
    pub limits: Vec<Limit>,
}

/// Another backfill has the same history in work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    pub backfill_id: String,
    pub series: Series,
    pub window: Window,
}

/// Plans from the ledgers and what other backfills have in work.
pub async fn plan(app: &Arc<App>, request: &Request) -> Result<Plan, StoreError> {
    let in_work = app.store.history_in_work().await?;
    let (app, request) = (app.clone(), request.clone());
    // Years of minutes are work for a processor, not for the threads that answer requests.
    let planned = tokio::task::spawn_blocking(move || plan_among(&app, &request, &in_work));
    Ok(planned.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
}

fn plan_among(app: &App, request: &Request, in_work: &[(Series, Window, String)]) -> Plan {
    let mut plan = Plan::default();
    // Derived candles come after those they are made of.
    let (mut native, mut derived) = (Vec::new(), Vec::new());
    for (series, window) in wanted_of(app, request) {
        let Some(source) = app.source(&series) else { continue };
        let (unit, mut chunks) = unit(app, request, (&series, &source), window);
        if !chunks.is_empty() {
            plan.conflicts.extend(conflicts(&unit.series, unit.window, in_work));
        }
        let place = if matches!(source, Source::Derived(_)) { &mut derived } else { &mut native };
        place.append(&mut chunks);
        plan.units.push(unit);
    }
    for part in [&mut native, &mut derived] {
        part.sort_by_key(|chunk| (chunk.series.timeframe, chunk.window.start));
        part.sort_by_key(|chunk| match request.order {
            Order::OldestFirst => chunk.window.start.timestamp(),
            Order::NewestFirst => -chunk.window.end.timestamp(),
        });
    }
    derived.sort_by_key(|chunk| chunk.series.timeframe);
    plan.chunks = native.into_iter().chain(derived).collect();
    plan.providers = shares(app, &plan.units);
    plan
}

/// The fewest chunks that so much history comes to; planning a century only to refuse it takes long.
pub fn fewest_chunks(app: &App, request: &Request) -> i64 {
    let chunk = app.config.ingest.chunk_candles;
    let chunks = |series: &Series| request.window().candles(series.timeframe) / chunk;
    request.series.iter().map(chunks).sum()
}

impl Plan {
    pub fn requests(&self) -> i64 {
        self.units.iter().map(|unit| unit.requests).sum()
    }

    /// The same for two plans that do the same.
    pub fn hash(&self, request: &Request) -> String {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(request).unwrap_or_default());
        for chunk in &self.chunks {
            hash.update(format!("{} {} {};", chunk.series, chunk.window, chunk.requests));
        }
        hash.update(serde_json::to_vec(&self.conflicts).unwrap_or_default());
        let digits = u128::from_be_bytes(hash.finalize()[..16].try_into().unwrap_or_default());
        format!("{digits:032x}")
    }
}

impl ProviderShare {
    /// How long it takes if nothing else is asked, as far as the limits tell.
    pub fn eta(&self) -> Option<TimeDelta> {
        let takes = |limit: &Limit| {
            let requests = i64::from(limit.requests.get());
            // The first of them need not wait.
            let micros = limit.span.num_microseconds()?.checked_mul(self.requests - 1)? / requests;
            Some(TimeDelta::microseconds(micros.max(0)))
        };
        self.limits.iter().filter_map(takes).max()
    }
}

/// The windows of `within` whose candles a request wants, with as many known ones before a hole that
/// was asked for already as make an answer about it credible.
pub(super) fn wanted(
    ledger: &Ledger,
    within: Window,
    request: &Request,
    refetch: i64,
) -> Vec<Window> {
    let timeframe = ledger.timeframe();
    let mut windows: Vec<Window> = Vec::new();
    for run in states(ledger, within, request.kind) {
        if !request.wants(run.value) {
            continue;
        }
        let was_asked = matches!(run.value, CandleState::Missing | CandleState::Quarantined);
        let start = if was_asked {
            before(ledger, timeframe, run.window.start, refetch)
        } else {
            run.window.start
        };
        for open in ledger.calendar().expected(Window::new(start, run.window.end), timeframe) {
            match windows.last_mut() {
                Some(last) if open.start <= last.end => last.end = last.end.max(open.end),
                _ => windows.push(open),
            }
        }
    }
    windows
}

/// History that is wanted is owed from its beginning on; gaps are only what is owed anyway.
fn states(ledger: &Ledger, within: Window, kind: Kind) -> Vec<Run<CandleState>> {
    match kind {
        Kind::Backfill => ledger.states_since(within.start, within),
        Kind::Repair => ledger.states(within),
    }
}

/// The series to be asked for, and whatever finer ones they are derived from, each with its window.
fn wanted_of(app: &App, request: &Request) -> BTreeMap<Series, Window> {
    let mut all: BTreeMap<Series, Window> = BTreeMap::new();
    for series in &request.series {
        let window = request.window().align(series.timeframe);
        for part in lineage(series, &app.providers) {
            let known = all.entry(part).or_insert(window);
            known.start = known.start.min(window.start);
            known.end = known.end.max(window.end);
        }
    }
    all
}

fn unit(
    app: &App,
    request: &Request,
    (series, source): (&Series, &Source),
    window: Window,
) -> (Unit, Vec<NewChunk>) {
    let provider = app.providers.get(&series.provider);
    let reach = provider.and_then(|one| one.reaches_back_to(series, request.as_of));
    let start = reach.map_or(window.start, |at| window.start.max(series.timeframe.ceil(at)));
    let window = Window::new(start, window.end.min(ends(app, series, request.as_of)));
    let needs = lineage(series, &app.providers).into_iter().nth(1);
    let with_ledger = |ledger: &Ledger| pieces(app, request, source, (series, ledger), window);
    let (wanted, skipped, pieces) = if let Some(book) = app.books.get(series) {
        book.with_ledger(with_ledger)
    } else {
        let calendar = app.providers.calendar(series, app.config.calendars);
        with_ledger(&Ledger::new(series.timeframe, calendar, window.end))
    };
    let chunk = |(window, requests)| NewChunk {
        series: series.clone(),
        needs: needs.clone(),
        window,
        requests,
    };
    let chunks: Vec<NewChunk> = pieces.into_iter().map(chunk).collect();
    let unit = Unit {
        series: series.clone(),
        window,
        chunks: chunks.len(),
        candles_wanted: wanted,
        candles_skipped: skipped,
        requests: chunks.iter().map(|chunk| chunk.requests).sum(),
    };
    (unit, chunks)
}

/// Where the newest candles begin that are up to live polls: a plan of what those are about to land
/// would be outdated before it is read.
fn ends(app: &App, series: &Series, as_of: DateTime<Utc>) -> DateTime<Utc> {
    let due = app.closed_until(series, as_of);
    let frontier = |book: Arc<Book>| book.with_ledger(|ledger| ledger.frontier(due));
    let is_polled = app.roster().is_live(series);
    let frontier = app.books.get(series).filter(|_| is_polled).and_then(frontier);
    frontier.map_or(due, |at| at.min(due))
}

/// Candles wanted, candles skipped, and the pieces with their requests.
fn pieces(
    app: &App,
    request: &Request,
    source: &Source,
    (series, ledger): (&Series, &Ledger),
    window: Window,
) -> (i64, i64, Vec<(Window, i64)>) {
    if window.is_empty() {
        return (0, 0, Vec::new());
    }
    let candles = |some: &[CandleState]| {
        let runs = states(ledger, window, request.kind).into_iter();
        let of = runs.filter(|run| some.contains(&run.value));
        of.map(|run| run.window.candles(series.timeframe)).sum::<i64>()
    };
    let config = &app.config.ingest;
    let wants: Vec<_> =
        CandleState::ALL.into_iter().filter(|state| request.wants(*state)).collect();
    let skipped = if wants.contains(&CandleState::Final) { &[][..] } else { &[CandleState::Final] };
    let all = wanted(ledger, window, request, 0);
    let mut rest = all.iter().copied().peekable();
    let mut pieces = Vec::new();
    while let Some(first) = rest.peek().copied() {
        let limit = source.piece_end(series, first.start, config.chunk_candles).min(window.end);
        let limit = limit.max(first.start + series.timeframe.duration());
        let mut piece = Window::new(first.start, first.start);
        while let Some(open) = rest.peek_mut().filter(|open| open.start < limit) {
            piece.end = open.end.min(limit);
            if open.end > limit {
                open.start = limit;
                break;
            }
            rest.next();
        }
        let asked = wanted(ledger, piece, request, config.refetch_candles);
        let requests = source.pages(series, &asked).len();
        pieces.push((piece, i64::try_from(requests).unwrap_or(i64::MAX)));
    }
    (candles(&wants), candles(skipped), pieces)
}

/// Whatever others have in work of a window.
pub(super) fn conflicts(
    series: &Series,
    window: Window,
    in_work: &[(Series, Window, String)],
) -> Vec<Conflict> {
    let overlap = |(other, taken, id): &(Series, Window, String)| {
        let both = taken.intersect(window);
        (other == series && !both.is_empty()).then(|| Conflict {
            backfill_id: id.clone(),
            series: series.clone(),
            window: both,
        })
    };
    in_work.iter().filter_map(overlap).collect()
}

fn shares(app: &App, units: &[Unit]) -> Vec<ProviderShare> {
    let mut requests: BTreeMap<&ProviderId, i64> = BTreeMap::new();
    for unit in units {
        *requests.entry(&unit.series.provider).or_default() += unit.requests;
    }
    let share = |(provider, requests): (&ProviderId, i64)| {
        let limits = app.providers.get(provider).map(|one| one.client().budget().limits);
        let limits = limits.into_iter().flatten().map(|(limit, _)| limit).collect();
        ProviderShare { provider: provider.clone(), requests, limits }
    };
    requests.into_iter().map(share).collect()
}
