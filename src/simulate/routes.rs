//! The HTTP face of the simulated exchange: public routes as Coinbase has them, and its controls.

use std::{future::Future, io, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use chrono::SecondsFormat;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Answer, CandleQuery, Counters, Faults, Outcome, Refusal, Reply, SimulatedExchange, truth::truth,
};

pub(super) type Exchange = State<Arc<SimulatedExchange>>;

impl SimulatedExchange {
    /// Public routes as the exchange has them, and `/simulator` to control and check it.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/products", get(products))
            .route("/products/{id}/candles", get(candles))
            .route("/time", get(time))
            .route("/simulator/truth", get(truth))
            .route("/simulator/faults", get(faults).put(put_faults))
            .route("/simulator/requests", get(requests))
            .fallback(not_found)
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
        let retry_after = self.retry_after.map(|value| [(header::RETRY_AFTER, value)]);
        match retry_after {
            Some(retry_after) => (status, content_type, retry_after, self.body).into_response(),
            None => (status, content_type, self.body).into_response(),
        }
    }
}

async fn candles(
    State(exchange): Exchange,
    Path(product): Path<String>,
    Query(query): Query<CandleQuery>,
) -> Response {
    let Answer { delay, outcome } = exchange.answer(&product, &query);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match outcome {
        Outcome::Reply(reply) => reply.into_response(),
        // The connection drops this when the client goes away.
        Outcome::Hang => std::future::pending().await,
    }
}

async fn products(State(exchange): Exchange) -> Reply {
    if let Err(reply) = exchange.admit() {
        return reply;
    }
    let product = |id: &str| {
        let (base, quote) = id.split_once('-').unwrap_or((id, ""));
        json!({
            "id": id,
            "base_currency": base,
            "quote_currency": quote,
            "status": "online",
            "trading_disabled": false,
        })
    };
    let list: Vec<_> = exchange.market().products().map(product).collect();
    exchange.serve(json!(list).to_string())
}

async fn time(State(exchange): Exchange) -> Reply {
    if let Err(reply) = exchange.admit() {
        return reply;
    }
    let now = exchange.now();
    let epoch = now.timestamp_millis() as f64 / 1_000.0;
    let iso = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    exchange.serve(json!({ "iso": iso, "epoch": epoch }).to_string())
}

async fn not_found(State(exchange): Exchange) -> Reply {
    match exchange.admit() {
        Ok(()) => exchange.refuse(Refusal::NotFound),
        Err(reply) => reply,
    }
}

async fn faults(State(exchange): Exchange) -> Json<Faults> {
    Json(exchange.faults())
}

async fn put_faults(State(exchange): Exchange, body: Bytes) -> Response {
    match Faults::from_json(&body) {
        Ok(faults) => {
            tracing::info!(?faults, "faults replaced");
            exchange.set_faults(faults);
            Json(faults).into_response()
        }
        Err(error) => Reply::message(422, &error.to_string()).into_response(),
    }
}

async fn requests(State(exchange): Exchange) -> Json<Counters> {
    Json(exchange.counters())
}

#[cfg(test)]
mod tests;
