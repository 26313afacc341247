//! Candles of any number of series as rows, written while they are read, so that windows of years take
//! no memory.

use std::{io, sync::Arc, vec};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use deltalake::arrow::{
    array::{
        BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
};
use futures::stream;

use super::super::{Problem, coverage, failed};
use crate::{
    app::App,
    error::chain,
    formats::{Encoder, Format},
    ingest::Book,
    lake::{LandedCandle, Past, Pinned},
    market::{CandleState, Timeframe, Window},
};

/// Places on the grid that are read at a time.
const SLICE: i64 = 50_000;

/// What is to be written.
pub(super) struct Rows {
    pub(super) format: Format,
    pub(super) timeframe: Timeframe,
    pub(super) past: Past,
    /// Whether holes have rows too, one for each stretch of one state.
    pub(super) has_gaps: bool,
    pub(super) parts: Vec<(Arc<Book>, Window)>,
}

/// A row: a candle, or a stretch without any.
struct Row {
    window: Window,
    state: CandleState,
    landed: Option<LandedCandle>,
}

impl Rows {
    /// What can be known to fail fails before anything is sent. Later the transfer is broken off, as
    /// every client notices.
    pub(super) async fn answer(self, app: &Arc<App>) -> Result<Response, Problem> {
        let mut head = HeaderMap::new();
        head.insert(CONTENT_TYPE, HeaderValue::from_static(self.format.media_type()));
        head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        head.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        if let ([(book, _)], true) = (&*self.parts, self.past == Past::default()) {
            // Whoever trades upon the last row has the verdict beside it.
            let verdict = app.freshness(book, app.clock.now()).verdict.as_str();
            let name = HeaderName::from_static("barkeep-verdict");
            head.insert(name, HeaderValue::from_static(verdict));
        }
        let mut reader = Reader::of(self, app).await?;
        let first = reader.piece().await?;
        let rest = stream::try_unfold(reader, |mut reader| async {
            let piece = reader.piece().await.map_err(|problem| {
                tracing::error!(%problem, "candles cannot be read to their end");
                io::Error::other(problem.to_string())
            })?;
            Ok::<_, io::Error>(piece.map(|piece| (piece, reader)))
        });
        let first = stream::iter(first.map(Ok));
        Ok((head, Body::from_stream(futures::StreamExt::chain(first, rest))).into_response())
    }
}

/// Reads slice after slice.
struct Reader {
    source: Source,
    slices: vec::IntoIter<(Arc<Book>, Window)>,
    schema: SchemaRef,
    /// Taken away at the end.
    encoder: Option<Encoder>,
}

/// From where slices are read.
struct Source {
    app: Arc<App>,
    pinned: Pinned,
    has_gaps: bool,
}

impl Reader {
    async fn of(rows: Rows, app: &Arc<App>) -> Result<Self, Problem> {
        let Rows { format, timeframe, past, has_gaps, parts } = rows;
        let pinned = app.lake.candles(timeframe).pin(past).await?;
        let slices = parts.into_iter().flat_map(|(book, window)| {
            window.chunks(timeframe, SLICE).map(move |slice| (book.clone(), slice))
        });
        let slices = slices.collect::<Vec<_>>().into_iter();
        let schema = schema();
        let encoder = Some(Encoder::new(format, &schema).map_err(unwritten)?);
        let source = Source { app: app.clone(), pinned, has_gaps };
        Ok(Self { source, slices, schema, encoder })
    }

    /// Some bytes; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        for (book, slice) in self.slices.by_ref() {
            let rows = self.source.rows(&book, slice).await?;
            let Some(encoder) = &mut self.encoder else { break };
            let batch = batch(&self.schema, &book, &rows).map_err(unwritten)?;
            let bytes = encoder.write(&batch).map_err(unwritten)?;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        self.encoder.take().map(Encoder::finish).transpose().map_err(unwritten)
    }
}

impl Source {
    async fn rows(&self, book: &Book, slice: Window) -> Result<Vec<Row>, Problem> {
        let series = book.series();
        // Read before the candles: what it calls final is in the lake by then.
        let states = if self.has_gaps { coverage::states(book, slice) } else { Vec::new() };
        let table = self.app.lake.candles(series.timeframe);
        let candles = table.past_candles(series, slice, &self.pinned).await?;
        let candles = candles.into_iter().map(|landed| Row {
            window: Window::of_candles(landed.candle.open_time, series.timeframe, 1),
            state: CandleState::Final,
            landed: Some(landed),
        });
        let holes = states.into_iter().filter(|run| run.state != CandleState::Final);
        let holes = holes.map(|run| Row { window: run.window(), state: run.state, landed: None });
        let mut rows: Vec<Row> = candles.chain(holes).collect();
        rows.sort_by_key(|row| row.window.start);
        Ok(rows)
    }
}

fn schema() -> SchemaRef {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let field = |name, kind, nullable| Field::new(name, kind, nullable);
    Arc::new(Schema::new(vec![
        field("asset", DataType::Utf8, false),
        field("provider", DataType::Utf8, false),
        field("timeframe", DataType::Utf8, false),
        field("open_time", instant(), false),
        field("close_time", instant(), false),
        field("open", DataType::Float64, true),
        field("high", DataType::Float64, true),
        field("low", DataType::Float64, true),
        field("close", DataType::Float64, true),
        field("volume", DataType::Float64, true),
        field("revision", DataType::Int32, true),
        field("extracted_at", instant(), true),
        field("is_derived", DataType::Boolean, true),
        field("is_mock", DataType::Boolean, true),
        field("state", DataType::Utf8, false),
    ]))
}

fn batch(schema: &SchemaRef, book: &Book, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let series = book.series();
    let same = |text: &str| Arc::new(StringArray::from_iter_values(rows.iter().map(|_| text)));
    let landed = || rows.iter().map(|row| row.landed.as_ref());
    let number = |value: fn(&LandedCandle) -> Option<f64>| {
        Arc::new(landed().map(|landed| value(landed?)).collect::<Float64Array>())
    };
    let flag = |value: fn(&LandedCandle) -> bool| {
        Arc::new(landed().map(|landed| landed.map(value)).collect::<BooleanArray>())
    };
    let instants = |instants: TimestampMicrosecondArray| Arc::new(instants.with_timezone("UTC"));
    let time = |value: fn(&Window) -> DateTime<Utc>| {
        instants(rows.iter().map(|row| Some(value(&row.window).timestamp_micros())).collect())
    };
    let revisions = landed().map(|landed| Some(landed?.revision)).collect::<Int32Array>();
    let extracted = landed().map(|landed| Some(landed?.extracted_at.timestamp_micros()));
    let states = rows.iter().map(|row| row.state.as_str());
    RecordBatch::try_new(
        schema.clone(),
        vec![
            same(series.instrument.as_str()),
            same(series.provider.as_str()),
            same(series.timeframe.as_str()),
            time(|window| window.start),
            time(|window| window.end),
            number(|landed| Some(landed.candle.open)),
            number(|landed| Some(landed.candle.high)),
            number(|landed| Some(landed.candle.low)),
            number(|landed| Some(landed.candle.close)),
            number(|landed| landed.candle.volume),
            Arc::new(revisions),
            instants(extracted.collect()),
            flag(|landed| landed.is_derived),
            flag(|landed| landed.is_mock),
            Arc::new(StringArray::from_iter_values(states)),
        ],
    )
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
fn unwritten(error: ArrowError) -> Problem {
    tracing::error!(error = chain(&error), "candles cannot be written");
    failed()
}
