//! The truth over HTTP: every closed candle of a window, streamed without limit.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use serde::Deserialize;

use super::{Reply, SimulatedExchange, instant::read_instant, routes::Exchange};
use crate::market::InstrumentId;

/// Minutes of the market that one piece of a truth answer is made from.
pub(super) const MINUTES_PER_PIECE: i64 = 20_000;

/// The query of a request for the truth, as text.
#[derive(Debug, Deserialize)]
pub(super) struct TruthQuery {
    instrument: InstrumentId,
    granularity: i64,
    start: String,
    end: String,
}

pub(super) async fn truth(
    State(exchange): Exchange,
    Query(query): Query<TruthQuery>,
) -> Result<Response, Reply> {
    if !exchange.market().trades(&query.instrument) {
        return Err(Reply::message(404, &format!("{} is not traded", query.instrument)));
    }
    let TruthQuery { instrument, granularity, .. } = query;
    let bound = |text: &str| {
        let at = read_instant(text).map(|at| at.timestamp());
        at.ok_or_else(|| Reply::message(400, &format!("{text:?} is no instant")))
    };
    let (start, end) = (bound(&query.start)?, bound(&query.end)?);
    // What is closed is decided once, or a long answer would find more closed towards its end.
    let closed = exchange.now().timestamp() - granularity + 1;
    let end = end.min(closed);
    let pieces = TruthPieces {
        exchange,
        instrument,
        granularity,
        at: start,
        end,
        has_rows: false,
        is_done: false,
    };
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A truth answer in pieces: years of minutes are hundreds of megabytes.
struct TruthPieces {
    exchange: Arc<SimulatedExchange>,
    instrument: InstrumentId,
    granularity: i64,
    at: i64,
    end: i64,
    has_rows: bool,
    is_done: bool,
}

impl Iterator for TruthPieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_done {
            return None;
        }
        let mut piece = Vec::new();
        let piece_secs = MINUTES_PER_PIECE * 60;
        while piece.is_empty() && self.at < self.end {
            let end = self.at.saturating_add(piece_secs).min(self.end);
            for row in self.exchange.truth(&self.instrument, self.granularity, self.at, end) {
                piece.push(if self.has_rows { b',' } else { b'[' });
                self.has_rows = true;
                row.write_row(&mut piece);
            }
            self.at = end;
        }
        if self.at >= self.end {
            self.is_done = true;
            piece.extend_from_slice(if self.has_rows { b"]" } else { b"[]" });
        }
        Some(piece.into())
    }
}
