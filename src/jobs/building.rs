//! Models are built as soon as what they read has changed, by one replica for all.

use std::sync::Arc;

use crate::{app::App, error::chain, fleet::Duty, models::ModelError};

/// Begins to build what is due, if that is this replica's duty and it is not being done.
pub(super) fn begin(app: &Arc<App>) {
    if !app.fleet.holds(&Duty::Lake) || app.models.is_running() {
        return;
    }
    let app = app.clone();
    app.lifecycle.clone().spawn(async move {
        match app.models.build_due().await {
            Ok(_) | Err(ModelError::UnderWay | ModelError::Stopped) => {}
            Err(error) => tracing::warn!(error = chain(&error), "models cannot be looked at"),
        }
    });
}
