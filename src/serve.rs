//! The running service: API, workers and heartbeat under one lifecycle.

mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    ServiceExt,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use futures::future::BoxFuture;
use tokio::net::TcpListener;

pub use self::tls::TlsError;
use self::tls::TlsListener;
use crate::{
    api::{self, Peer},
    app::App,
    backfill,
    config::AuthMode,
    jobs,
    store::StoreError,
};

/// How long a stop waits for what has been begun.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the address cannot be served")]
    Listen(#[from] io::Error),
    #[error("HTTPS cannot be spoken")]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Store(#[from] StoreError),
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
        let tls = app.config.server.tls.as_ref().map(tls::acceptor).transpose()?;
        if app.config.auth.mode == AuthMode::Keys {
            warn_of_keys(&app, address).await?;
        }
        jobs::start_replicating(&app);
        jobs::start_workers(&app);
        backfill::start(&app).await?;
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
        tracing::info!(%address, series = app.roster().live().count(), "barkeep is serving");
        match tls {
            None => answer(listener, &app).await?,
            Some(tls) => answer(TlsListener::new(listener, tls, &lifecycle)?, &app).await?,
        }
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

/// Until the program is asked to stop, and every request is answered.
async fn answer<L>(listener: L, app: &Arc<App>) -> io::Result<()>
where
    L: Listener<Addr = SocketAddr>,
    Peer: for<'a> Connected<IncomingStream<'a, L>>,
{
    let service = api::service(app.clone()).into_make_service_with_connect_info::<Peer>();
    let lifecycle = app.lifecycle.clone();
    let stopping = async move { lifecycle.stopping().await };
    axum::serve(listener, service).with_graceful_shutdown(stopping).await
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Keys that nobody has, and keys that others can read on their way.
async fn warn_of_keys(app: &App, address: SocketAddr) -> Result<(), StoreError> {
    if app.store.living_api_keys().await?.is_empty() {
        tracing::warn!("there is no API key yet; `barkeep keys create` makes one");
    }
    if app.config.server.tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!("keys come in clear text; set server.tls_cert, or put a proxy before it");
    }
    Ok(())
}
