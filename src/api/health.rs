//! Whether the process lives, whether it can work, what it is, and its metrics.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName},
    },
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, openapi::Unavailable};
use crate::{
    app::App,
    ingest::{Schedule, Standing},
    market::{CandleState, Feed, Window},
    quality::Check,
    query::Verdict,
    store::OpenLetters,
};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// `barkeep`.
    name: &'static str,
    /// Of the package.
    version: &'static str,
}

/// Whether the process lives
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "showLiveness",
    tag = "operations",
    responses((status = 200, description = "It lives.", body = String, example = "ok\n")),
)]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Whether the daemon can work
///
/// Ready once the store answers and the program is not stopping; the lake was opened at start.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "showReadiness",
    tag = "operations",
    responses(
        (status = 200, description = "It can.", body = String, example = "ok\n"),
        Unavailable,
    )
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.lifecycle.is_stopping() {
        let detail = "barkeep is stopping";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail));
    }
    app.store.ping().await?;
    Ok("ok\n")
}

/// What this is
#[utoipa::path(
    get,
    path = "/version",
    operation_id = "showVersion",
    tag = "operations",
    responses((
        status = 200,
        description = "Name and version.",
        body = Version,
        example = json!({ "name": "barkeep", "version": "0.1.0" })
    )),
)]
pub(super) async fn version() -> Json<Version> {
    Json(Version { name: "barkeep", version: env!("CARGO_PKG_VERSION") })
}

/// Metrics for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "showMetrics",
    tag = "operations",
    responses(
        (
            status = 200,
            description = "The text format, version 0.0.4.",
            body = String,
            content_type = "text/plain",
            example = "# HELP barkeep_series Series by verdict.\n# TYPE barkeep_series gauge\nbarkeep_series{verdict=\"fresh\"} 12\n"
        ),
        Unavailable,
    )
)]
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
) -> Result<([(HeaderName, &'static str); 1], Vec<u8>), Problem> {
    observe(&app).await?;
    let text = app.metrics.render().map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// Sets the gauges that describe the present.
async fn observe(app: &App) -> Result<(), Problem> {
    let now = app.clock.now();
    observe_series(app, now);
    observe_providers(app);
    observe_feeds(app, now);
    for schedule in Schedule::ALL {
        let is_paused = i64::from(app.schedules.is_paused(schedule));
        app.metrics.schedule_paused.with_label_values(&[schedule.as_str()]).set(is_paused);
    }
    for check in Check::ALL {
        app.metrics.findings.with_label_values(&[check.as_str()]).set(0);
    }
    for (check, count) in app.store.finding_counts().await? {
        app.metrics.findings.with_label_values(&[check.as_str()]).set(count);
    }
    observe_letters(app).await
}

/// A provider's groups stay when nothing in them is open any more, so that counts go back to nought.
async fn observe_letters(app: &App) -> Result<(), Problem> {
    app.metrics.dead_letters.set(app.store.dead_letter_count().await?);
    for OpenLetters { provider, expectation, letters } in app.store.open_dead_letters().await? {
        let labels = [&*provider, &*expectation];
        app.metrics.dead_letters_open.with_label_values(&labels).set(letters);
    }
    let oldest = app.store.oldest_dead_letter().await?;
    app.metrics.dead_letter_oldest.set(oldest.map_or(0, |at| at.timestamp()));
    Ok(())
}

/// A stale series of a closed market is counted apart: its last candle may be known to be none only
/// when the market has opened again.
fn observe_series(app: &App, now: DateTime<Utc>) {
    let markets = [(true, "open"), (false, "closed")];
    let mut kinds = Verdict::ALL.map(|verdict| markets.map(|market| (verdict, market, 0)));
    let mut owed = [(CandleState::Missing, 0), (CandleState::Pending, 0)];
    for book in app.live_books() {
        let freshness = app.freshness(&book, now);
        for (verdict, (is_open, _), count) in kinds.as_flattened_mut() {
            let is_of = (*verdict, *is_open) == (freshness.verdict, freshness.market_open);
            *count += i64::from(is_of);
        }
        let timeframe = book.series().timeframe;
        let due = app.closed_until(book.series(), now);
        let gaps = book.with_ledger(|ledger| ledger.gaps(due));
        for run in gaps {
            let candles = Window::candles(run.window, timeframe);
            owed.iter_mut().filter(|(of, _)| *of == run.value).for_each(|(_, n)| *n += candles);
        }
    }
    for (verdict, (_, market), count) in kinds.as_flattened() {
        let labels = [verdict.as_str(), market];
        app.metrics.series_by_verdict.with_label_values(&labels).set(*count);
    }
    for (state, count) in owed {
        app.metrics.candles_owed.with_label_values(&[state.as_str()]).set(count);
    }
}

fn observe_providers(app: &App) {
    for provider in app.providers.iter() {
        let (name, client) = (provider.id().as_str(), provider.client());
        app.metrics.circuit.with_label_values(&[name]).set(client.circuit() as i64);
        if let Some(skew) = client.skew() {
            let seconds = skew.num_milliseconds() as f64 / 1_000.0;
            app.metrics.clock_skew_seconds.with_label_values(&[name]).set(seconds);
        }
        for (limit, used) in client.budget().limits {
            let (written, allowed) = (limit.to_string(), i64::from(limit.requests.get()));
            let labels = [name, &written];
            app.metrics.budget_used.with_label_values(&labels).set(i64::from(used));
            app.metrics.budget_allowed.with_label_values(&labels).set(allowed);
        }
    }
}

fn observe_feeds(app: &App, now: DateTime<Utc>) {
    let feeds = app.collector.feeds();
    for kind in Feed::KINDS {
        for standing in Standing::ALL {
            let of_it = feeds
                .iter()
                .filter(|(feed, state)| (feed.kind(), state.standing(now)) == (kind, standing));
            let labels = [kind, standing.label()];
            app.metrics.feeds_by_state.with_label_values(&labels).set(of_it.count() as i64);
        }
    }
}
