//! `barkeep serve`

use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::{app::App, config::Config, serve::serve};

pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let bind = config.server.bind;
    let app = App::start(config).await?;
    let listener = TcpListener::bind(bind).await.with_context(|| format!("server.bind {bind}"))?;
    serve(app, listener, Box::pin(super::interrupted())).await?;
    Ok(ExitCode::SUCCESS)
}
