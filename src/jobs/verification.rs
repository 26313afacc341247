//! Whether everything holds, once a day: the log and the metrics say so.

use std::sync::Arc;

use crate::{
    app::App,
    error::chain,
    fleet::Duty,
    verify::{Report, Scope, verify},
};

/// Looks through the lake beside everything else, if that is this replica's duty.
pub(super) fn begin(app: &Arc<App>) {
    if !app.fleet.holds(&Duty::Lake) || app.lifecycle.is_stopping() {
        return;
    }
    let (app, runtime) = (app.clone(), tokio::runtime::Handle::current());
    // Much of it is work for a processor.
    app.clone().lifecycle.spawn_blocking(move || {
        match runtime.block_on(verify(&app, &Scope::All)) {
            Ok(report) => tell(&app, &report),
            Err(error) => tracing::warn!(error = chain(&error), "the lake cannot be verified"),
        }
    });
}

fn tell(app: &App, report: &Report) {
    app.metrics.verified_at.set(report.verified_at.timestamp());
    for outcome in &report.invariants {
        let violations = app.metrics.invariant_violations.with_label_values(&[outcome.name]);
        violations.set(outcome.violations);
        for example in &outcome.examples {
            tracing::error!(
                invariant = outcome.name,
                series = %example.series,
                start = %example.start,
                detail = example.detail,
                "an invariant does not hold"
            );
        }
    }
    let (series, rows, is_sound) = (report.series, report.rows, report.is_sound);
    tracing::info!(series, rows, is_sound, "verified the lake");
}
