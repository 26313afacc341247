//! `barkeep serve`

use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::{app::App, config::Config, serve::serve};

pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let bind = config.server.bind;
    let app = App::start(config).await?;
    // Whoever gets an answer may also ask for a graceful end.
    let stop = super::interrupted();
    let listener = TcpListener::bind(bind).await.with_context(|| format!("server.bind {bind}"))?;
    serve(app, listener, Box::pin(stop)).await?;
    Ok(ExitCode::SUCCESS)
}
