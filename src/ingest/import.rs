//! Files that people bring, through the same validation and landing as everything else.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::BoxFuture;

use super::{Books, IngestError, Lander, Policy};
use crate::{
    files::{self, FileRequest},
    market::{CandleState, RawBatch, Window, candles_in},
    quality::validate,
    store::Store,
};

/// What became of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportSummary {
    pub rows: usize,
    pub landed: usize,
    pub revised: usize,
    pub unchanged: usize,
    pub refused: usize,
    /// Rows whose candle has not closed yet.
    pub unfinished: usize,
    /// From the first to the last candle of the file.
    pub span: Option<Window>,
    /// Candles of the span by state, afterwards.
    pub states: Vec<(CandleState, i64)>,
}

/// Brings files into the lake.
#[derive(Debug)]
pub struct Importer {
    pub lander: Arc<Lander>,
    pub books: Arc<Books>,
    pub store: Store,
}

/// Rows of one landing.
const PIECE: usize = 100_000;

/// A file is asked once and never again: what it lacks is missing, not confirmed as no trade.
pub(super) const POLICY: Policy = Policy {
    can_confirm: false,
    confirmations: u8::MAX,
    empty_confirmations: u8::MAX,
    reask_after: TimeDelta::zero(),
};

impl Importer {
    pub fn import<'a>(
        &'a self,
        request: &'a FileRequest,
    ) -> BoxFuture<'a, Result<ImportSummary, IngestError>> {
        Box::pin(async move {
            let (pieces, mut read) = tokio::sync::mpsc::channel(2);
            let reading = request.clone();
            let reader = tokio::task::spawn_blocking(move || -> Result<(), IngestError> {
                for piece in files::read(&reading, PIECE)? {
                    if pieces.blocking_send(piece?).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let mut summary = ImportSummary::default();
            while let Some(piece) = read.recv().await {
                self.land(piece, &mut summary).await?;
            }
            reader.await.map_err(|_| IngestError::Stopping)??;
            let book = self.books.get(&request.series);
            if let (Some(book), Some(span)) = (book, summary.span) {
                let states = book.with_ledger(|ledger| ledger.states(span));
                summary.states = by_state(&states, request.series.timeframe);
            }
            Ok(summary)
        })
    }

    async fn land(
        &self,
        mut piece: RawBatch,
        summary: &mut ImportSummary,
    ) -> Result<(), IngestError> {
        let book = self.books.open(&piece.series, piece.window.start);
        // Between two pieces of one file nothing is left out.
        if let Some(span) = summary.span.filter(|span| span.end < piece.window.start) {
            piece.window.start = span.end;
        } else if let Some(span) = summary.span.filter(|span| piece.window.end < span.start) {
            piece.window.end = span.start;
        }
        let window = piece.window;
        if let Some(change) = book.extend_origin(window.start) {
            self.store.record(&[change], None).await?;
        }
        summary.rows += piece.candles.len() + piece.unreadable.len();
        let verdict = validate(piece, book.calendar(), TimeDelta::zero());
        let landed = self.lander.land(&book, vec![verdict], POLICY).await?;
        summary.landed += landed.rows;
        summary.revised += landed.revised;
        summary.unchanged += landed.unchanged;
        summary.refused += landed.refused;
        summary.unfinished += landed.unfinished;
        if !window.is_empty() {
            let span = summary.span.unwrap_or(window);
            let span = Window::new(span.start.min(window.start), span.end.max(window.end));
            summary.span = Some(span);
        }
        Ok(())
    }
}

fn by_state(
    states: &[crate::market::Run<CandleState>],
    timeframe: crate::market::Timeframe,
) -> Vec<(CandleState, i64)> {
    CandleState::ALL
        .into_iter()
        .map(|state| (state, candles_in(state, states, timeframe)))
        .filter(|(_, count)| *count > 0)
        .collect()
}
