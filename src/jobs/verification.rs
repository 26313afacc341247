//! Whether everything holds, once a day: the log and the metrics say so.

use std::sync::Arc;

use crate::{
    app::App,
    error::chain,
    fleet::Duty,
    verify::{Report, Scope, VerifyError, verify},
};

/// Looks through the lake beside everything else, if that is this replica's duty.
pub(super) fn begin(app: &Arc<App>) {
    if !app.fleet.holds(&Duty::Lake) {
        // What was found here before is for another one to say by now.
        app.metrics.invariant_violations.reset();
        return;
    }
    let app = app.clone();
    app.lifecycle.clone().spawn(async move {
        match verify(&app, Scope::All).await {
            Ok(report) => tell(&app, &report),
            Err(VerifyError::UnderWay | VerifyError::Stopped) => {}
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
