//! What jobs do: plan from the ledger, fetch, land.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{
    JobSpec,
    follow_up::{follow_up, reconcile},
    reach::waive_unreachable,
    stand_in::stand_in,
};
use crate::{
    app::App,
    ingest::{self, Book, Fetched, IngestError, Landed, Role, Source},
    market::{CandleState, Ledger, Series, Window},
    providers::{Lane, ProviderError},
    quality::DeadLetter,
    query::Verdict,
};

/// Runs one job to its end. Running it again is harmless: what has landed is not asked for again.
pub fn run<'a>(app: &'a Arc<App>, job: &'a JobSpec) -> BoxFuture<'a, Result<(), IngestError>> {
    Box::pin(async move {
        if !app.fleet.serves(&job.asked()) {
            return leave(app, job).await;
        }
        match job {
            JobSpec::Poll(series) | JobSpec::Fill(series) => fetch(app, job, series).await,
            JobSpec::Reconcile(series) => reconcile(app, series).await,
            JobSpec::Collect(feed) => app.collector.collect(feed).await.map(|_| ()),
        }
    })
}

/// Another replica has this to do. If it gets nothing from the provider, the next provider may be
/// ours to ask.
async fn leave(app: &Arc<App>, job: &JobSpec) -> Result<(), IngestError> {
    let JobSpec::Poll(series) = job else { return Ok(()) };
    let Some(book) = app.books.get(series) else { return Ok(()) };
    if app.freshness(&book, app.clock.now()).verdict == Verdict::Stale {
        stand_in(app, &book).await?;
    }
    Ok(())
}

/// Asks for what the ledger says is owed, and lands it.
async fn fetch(app: &Arc<App>, job: &JobSpec, series: &Series) -> Result<(), IngestError> {
    let unknown = || IngestError::UnknownSeries { series: series.clone() };
    let book = app.books.get(series).ok_or_else(unknown)?;
    let source = app.source(series).ok_or_else(unknown)?;
    // It was queued before somebody decided that nobody keeps it.
    if app.roster().role(series) == Role::Disabled {
        return Ok(());
    }
    if let JobSpec::Fill(_) = job {
        waive_unreachable(app, &book).await?;
    }
    let recheck = book.take_recheck();
    let Some(window) = recheck.or_else(|| plan(app, &book, &source, job)) else {
        return Ok(());
    };
    let lane = lane(&book, window, job);
    let landed = fetch_and_land(app, &book, &source, window, lane).await;
    if let (Err(_), Some(window)) = (&landed, recheck) {
        book.recheck(window);
    }
    match &landed {
        Ok(landed) => {
            book.recovered();
            follow_up(app, series, landed);
        }
        // The books are another replica's.
        Err(IngestError::NotServed { .. }) => {}
        Err(error) => book.failed(error, app.clock.now()),
    }
    if let JobSpec::Poll(_) = job {
        conclude_poll(app, &book, landed.as_ref().err()).await?;
    }
    landed.map(|_| ())
}

/// A poll that did not bring what is due is repeated soon; if the provider fails, or has nothing for
/// so long that the series is stale, the next one stands in.
async fn conclude_poll(
    app: &Arc<App>,
    book: &Arc<Book>,
    error: Option<&IngestError>,
) -> Result<(), IngestError> {
    let now = app.clock.now();
    let freshness = app.freshness(book, now);
    let is_behind = freshness.lag_candles > 0 || freshness.last_candle.is_none();
    book.polled(is_behind || error.is_some(), now, error.and_then(IngestError::until));
    let provider_failed = matches!(error, Some(IngestError::Provider(_)));
    if provider_failed || freshness.verdict == Verdict::Stale {
        stand_in(app, book).await?;
    }
    Ok(())
}

/// History that nobody has asked for yet waits for everything else.
fn lane(book: &Book, window: Window, job: &JobSpec) -> Lane {
    let is_new =
        |ledger: &Ledger| ledger.states(window).iter().any(|run| run.value == CandleState::Pending);
    match job {
        JobSpec::Fill(_) if !book.with_ledger(is_new) => Lane::Repair,
        job => job.lane(),
    }
}

fn plan(app: &App, book: &Book, source: &Source, job: &JobSpec) -> Option<Window> {
    let now = app.clock.now();
    let timeframe = book.series().timeframe;
    let closed_until = app.closed_until(book.series(), now);
    let config = &app.config.ingest;
    let refetch = config.refetch_candles;
    book.with_taken(|ledger, taken| match job {
        JobSpec::Reconcile(_) | JobSpec::Collect(_) => None,
        JobSpec::Poll(_) => {
            let page = source.page_candles(book.series());
            ingest::poll_window(ledger, timeframe, closed_until, refetch, page)
        }
        JobSpec::Fill(_) if matches!(source, Source::Derived(_)) => None,
        JobSpec::Fill(_) => ingest::fill_window(
            (ledger, taken),
            timeframe,
            (closed_until, now),
            source.policy(),
            refetch,
            |start| source.piece_end(book.series(), start, config.chunk_candles),
        ),
    })
}

/// Also when a later answer failed those before it land.
async fn fetch_and_land(
    app: &App,
    book: &Arc<Book>,
    source: &Source,
    window: Window,
    lane: Lane,
) -> Result<Landed, IngestError> {
    let wanted = match source {
        Source::Derived(_) => vec![window],
        Source::Provider { .. } => book.calendar().expected(window, book.series().timeframe),
    };
    let fetched = source.fetch(book, &wanted, lane, &app.lifecycle.halt()).await;
    match land(app, book, source, fetched).await? {
        (landed, None) => Ok(landed),
        (_, Some(error)) => Err(error),
    }
}

/// Lands the answers there are, keeps one that cannot be read, and tells why there are no more.
pub async fn land(
    app: &App,
    book: &Arc<Book>,
    source: &Source,
    Fetched { verdicts, failure }: Fetched,
) -> Result<(Landed, Option<IngestError>), IngestError> {
    let landed = app.lander.land(book, verdicts, source.policy()).await?;
    if landed.rows > 0 {
        tracing::debug!(
            series = %book.series(),
            rows = landed.rows,
            revised = landed.revised,
            refused = landed.refused,
            "landed candles"
        );
    }
    let Some((page, error)) = failure else { return Ok((landed, None)) };
    if let IngestError::Provider(ProviderError::Malformed { detail, body }) = &error {
        let detail = format!("the answer for {page} cannot be read: {detail}");
        let from = (book.series().provider.as_str(), app.clock.now());
        let letter = DeadLetter::whole_answer(book.series().into(), detail, body.clone(), from);
        let labels = [book.series().provider.as_str(), letter.expectation.as_str()];
        app.metrics.candles_refused.with_label_values(&labels).inc();
        app.store.keep(&[letter]).await?;
    }
    Ok((landed, Some(error)))
}
