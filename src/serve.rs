//! The running service: API, workers and heartbeat under one lifecycle.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::net::TcpListener;

use crate::{api, app::App, jobs};

/// How long a stop waits for what has been begun.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the address cannot be served")]
    Listen(#[from] std::io::Error),
    #[error("the scheduler cannot be started")]
    Schedule(#[from] tokio_cron_scheduler::JobSchedulerError),
}

/// Serves on `listener` until `stop` resolves; then finishes the commits in flight.
pub fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), ServeError>> {
    Box::pin(async move {
        let address = listener.local_addr()?;
        jobs::start_replicating(&app);
        jobs::start_workers(&app);
        jobs::start_scheduler(&app).await?;
        let lifecycle = app.lifecycle.clone();
        lifecycle.spawn({
            let lifecycle = lifecycle.clone();
            async move {
                tokio::select! {
                    () = stop => {
                        tracing::info!("barkeep is stopping; what has been fetched still lands");
                        lifecycle.stop();
                    }
                    () = lifecycle.stopping() => {}
                }
            }
        });
        for (provider, setting) in app.providers.lacking() {
            tracing::info!("{provider} is passed over: providers.{provider}.{setting} is not set");
        }
        tracing::info!(%address, series = app.roster.live().count(), "barkeep is serving");
        let stopping = lifecycle.clone();
        axum::serve(listener, api::router(app.clone()))
            .with_graceful_shutdown(async move { stopping.stopping().await })
            .await?;
        let in_time = lifecycle.stop_and_wait(PATIENCE).await;
        if let Err(error) = app.fleet.leave().await {
            tracing::warn!(%error, "the other replicas were not told of the end");
        }
        app.store.close().await;
        if in_time {
            tracing::info!("barkeep has stopped; everything begun is finished");
        } else {
            tracing::warn!(
                "barkeep stops with work unfinished; it will be taken up at the next start"
            );
        }
        Ok(())
    })
}
