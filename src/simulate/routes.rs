//! The HTTP face of the simulator: every provider's routes on one address, and its own controls.

use std::{future::Future, io, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Counters, Faults, Reply, SimulatedExchange, SimulatedProvider, alpha_vantage,
    answer::{Answer, Outcome},
    coinbase, oanda,
    truth::truth,
};

pub(super) type Exchange = State<Arc<SimulatedExchange>>;

impl SimulatedExchange {
    /// Public routes as the providers have them, and `/simulator` to control and check them.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .merge(alpha_vantage::routes())
            .merge(coinbase::routes())
            .merge(oanda::routes())
            .route("/simulator/truth", get(truth))
            .route("/simulator/{provider}/faults", get(faults).put(put_faults))
            .route("/simulator/{provider}/requests", get(requests))
            .fallback(coinbase::not_found)
            .layer(from_fn_with_state(self.clone(), dated))
            .with_state(self)
    }
}

/// Serves `exchange` on `listener` until `shutdown` ends.
///
/// Requests that hang or are slow are then cut off with 503, so that it comes to an end.
pub fn serve(
    listener: TcpListener,
    exchange: Arc<SimulatedExchange>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, io::Result<()>> {
    serve_until(listener, exchange, Box::pin(shutdown))
}

fn serve_until(
    listener: TcpListener,
    exchange: Arc<SimulatedExchange>,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, io::Result<()>> {
    Box::pin(async move {
        let closing = CancellationToken::new();
        let close = closing.clone();
        let cut_off = from_fn(move |request: Request, next: Next| {
            let closing = closing.clone();
            async move {
                tokio::select! {
                    biased;
                    response = next.run(request) => response,
                    () = closing.cancelled() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                }
            }
        });
        let router = exchange.router().layer(cut_off);
        let shutdown = async move {
            shutdown.await;
            close.cancel();
        };
        axum::serve(listener, router).with_graceful_shutdown(shutdown).await
    })
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = [(header::CONTENT_TYPE, self.content_type)];
        let mut response = (status, content_type, self.body).into_response();
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).ok();
            if let Some((name, value)) = name.zip(HeaderValue::try_from(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Waits and answers, or never does.
pub(super) async fn deliver(Answer { delay, outcome }: Answer) -> Response {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match outcome {
        Outcome::Reply(reply) => reply.into_response(),
        // The connection drops this when the client goes away.
        Outcome::Hang => std::future::pending().await,
    }
}

/// Answers tell the exchange's own time.
async fn dated(State(exchange): Exchange, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let date = exchange.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::try_from(date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn provider(name: &str) -> Result<SimulatedProvider, Reply> {
    name.parse().map_err(|error| Reply::message(404, &format!("{error}")))
}

async fn faults(
    State(exchange): Exchange,
    Path(name): Path<String>,
) -> Result<Json<Faults>, Reply> {
    Ok(Json(exchange.faults(provider(&name)?)))
}

async fn put_faults(
    State(exchange): Exchange,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Faults>, Reply> {
    let provider = provider(&name)?;
    let faults = Faults::from_json(provider, &body);
    let faults = faults.map_err(|error| Reply::message(422, &error.to_string()))?;
    tracing::info!(%provider, ?faults, "faults replaced");
    exchange.set_faults(provider, faults);
    Ok(Json(faults))
}

async fn requests(
    State(exchange): Exchange,
    Path(name): Path<String>,
) -> Result<Json<Counters>, Reply> {
    Ok(Json(exchange.counters(provider(&name)?)))
}

#[cfg(test)]
mod tests;
