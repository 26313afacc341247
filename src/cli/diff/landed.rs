//! The side that is a series: the candles of the lake, decoded while they come.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use deltalake::arrow::{
    array::{Array, AsArray, PrimitiveArray, RecordBatch},
    buffer::Buffer,
    datatypes::{ArrowPrimitiveType, Float64Type, TimestampMicrosecondType},
    error::ArrowError,
    ipc::reader::StreamDecoder,
};

use crate::{
    cli::{given::written, remote::asked},
    client::{Client, ClientError, Pieces},
    formats::Format,
    lake::Past,
    market::{Candle, Series, Window},
};

/// One answer, however long: what is compared is the lake of one moment.
pub(super) struct Landed<'a> {
    client: &'a Client,
    pieces: Pieces<'a>,
    decoder: StreamDecoder,
    /// What has come and is not decoded yet.
    input: Buffer,
    /// Decoded, and asked for later.
    waiting: VecDeque<Candle>,
}

impl<'a> Landed<'a> {
    pub(super) async fn open(
        client: &'a Client,
        (series, past): (&Series, Past),
        window: Window,
    ) -> Result<Self, ClientError> {
        let query = asked([
            ("series", Some(series.to_string())),
            ("start", Some(written(window.start))),
            ("end", Some(written(window.end))),
            ("format", Some(Format::Arrow.as_str().to_owned())),
            ("as_of", past.known_at.map(written)),
            ("table_version", past.version.map(|version| version.to_string())),
        ]);
        let pieces = client.stream(&["v1", "candles"], &query).await?;
        let (decoder, input) = (StreamDecoder::new(), Buffer::default());
        Ok(Self { client, pieces, decoder, input, waiting: VecDeque::new() })
    }

    /// Those that open before `end` and were not given yet.
    pub(super) async fn until(&mut self, end: DateTime<Utc>) -> Result<Vec<Candle>, ClientError> {
        let mut candles = Vec::new();
        loop {
            let before = self.waiting.partition_point(|candle| candle.open_time < end);
            candles.extend(self.waiting.drain(..before));
            if !self.waiting.is_empty() || !self.more().await? {
                return Ok(candles);
            }
        }
    }

    /// Has the next batch waiting; there is none at the end.
    async fn more(&mut self) -> Result<bool, ClientError> {
        let unreadable = |error: ArrowError| self.client.unreadable(error.to_string());
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.input).map_err(unreadable)? {
                self.waiting.extend(candles(&batch).map_err(unreadable)?);
                return Ok(true);
            }
            match self.pieces.next().await? {
                Some(piece) => self.input = piece.into(),
                None if self.decoder.schema().is_none() => {
                    return Err(self.client.unreadable("it says nothing".to_owned()));
                }
                None => return self.decoder.finish().map(|()| false).map_err(unreadable),
            }
        }
    }
}

fn candles(batch: &RecordBatch) -> Result<Vec<Candle>, ArrowError> {
    let open_time = column::<TimestampMicrosecondType>(batch, "open_time")?;
    let [open, high, low, close, volume] =
        ["open", "high", "low", "close", "volume"].map(|name| column::<Float64Type>(batch, name));
    let (open, high, low, close, volume) = (open?, high?, low?, close?, volume?);
    let candle = |row| Candle {
        open_time: DateTime::from_timestamp_micros(open_time.value(row)).unwrap_or_default(),
        open: open.value(row),
        high: high.value(row),
        low: low.value(row),
        close: close.value(row),
        volume: volume.is_valid(row).then(|| volume.value(row)),
    };
    Ok((0..batch.num_rows()).map(candle).collect())
}

fn column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, ArrowError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    column.ok_or_else(|| ArrowError::SchemaError(format!("there is no column {name}")))
}
