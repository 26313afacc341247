//! Rows of a table on their way out: JSON, NDJSON, CSV, Arrow IPC and Parquet, batch by batch.

pub mod incoming;
mod plain;
mod sink;

use bytes::Bytes;
use deltalake::{
    arrow::{
        array::RecordBatch,
        csv,
        datatypes::SchemaRef,
        error::ArrowError,
        ipc::writer::StreamWriter,
        json::{self, writer::JsonArray, writer::LineDelimited},
    },
    parquet::{
        arrow::ArrowWriter,
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
};

use self::{
    plain::{flat, plain, plainly},
    sink::Sink,
};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One document.
    Json,
    /// An object per line.
    Ndjson,
    /// With a line of names first; what is null is empty, a list is a text.
    Csv,
    /// The stream format of Arrow IPC.
    Arrow,
    Parquet,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Json, Self::Ndjson, Self::Csv, Self::Arrow, Self::Parquet];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// As it is registered.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether a type that somebody takes, like `text/csv` or `application/*`, is this one.
    pub fn is_taken(self, taken: &str) -> bool {
        let essence = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_lowercase();
        let (own, taken) = (essence(self.media_type()), essence(taken));
        match taken.strip_suffix("/*") {
            Some("*") => true,
            Some(kind) => own.split('/').next() == Some(kind),
            None => own == taken || self == Self::Ndjson && taken == "application/jsonl",
        }
    }
}

/// Rows of a group in a Parquet file: what is held in memory until it is full.
const ROW_GROUP: usize = 128 * 1024;
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes batches of one schema; what comes out is handed on piece by piece.
pub struct Encoder {
    schema: SchemaRef,
    sink: Sink,
    writer: Writer,
}

enum Writer {
    Json(json::Writer<Sink, JsonArray>),
    Ndjson(json::Writer<Sink, LineDelimited>),
    Csv { writer: Box<csv::Writer<Sink>>, has_begun: bool },
    Arrow(StreamWriter<Sink>),
    Parquet(Box<ArrowWriter<Sink>>),
}

impl Encoder {
    /// JSON is an array of objects.
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let schema = if format == Format::Csv { flat(schema) } else { plain(schema) };
        let sink = Sink::default();
        let out = || sink.clone();
        let json = || json::WriterBuilder::new().with_explicit_nulls(true);
        let writer = match format {
            Format::Json => Writer::Json(json().build(out())),
            Format::Ndjson => Writer::Ndjson(json().build(out())),
            Format::Csv => {
                let writer = Box::new(csv::WriterBuilder::new().build(out()));
                Writer::Csv { writer, has_begun: false }
            }
            Format::Arrow => Writer::Arrow(StreamWriter::try_new(out(), &schema)?),
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP))
                    .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
                    .build();
                let writer = ArrowWriter::try_new(out(), schema.clone(), Some(properties))?;
                Writer::Parquet(Box::new(writer))
            }
        };
        Ok(Self { schema, sink, writer })
    }

    /// The columns as they are written.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What can be handed on once the batch is written; it may be nothing yet.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Bytes, ArrowError> {
        let batch = plainly(batch, &self.schema)?;
        match &mut self.writer {
            Writer::Json(writer) => writer.write(&batch)?,
            Writer::Ndjson(writer) => writer.write(&batch)?,
            Writer::Csv { writer, has_begun } => {
                *has_begun = true;
                writer.write(&batch)?;
            }
            Writer::Arrow(writer) => writer.write(&batch)?,
            Writer::Parquet(writer) => writer.write(&batch)?,
        }
        Ok(self.sink.take())
    }

    /// The rest.
    pub fn finish(mut self) -> Result<Bytes, ArrowError> {
        match self.writer {
            Writer::Json(mut writer) => writer.finish()?,
            Writer::Ndjson(mut writer) => writer.finish()?,
            Writer::Csv { mut writer, has_begun } => {
                if !has_begun {
                    writer.write(&RecordBatch::new_empty(self.schema.clone()))?;
                }
            }
            Writer::Arrow(mut writer) => writer.finish()?,
            Writer::Parquet(writer) => _ = writer.close()?,
        }
        Ok(self.sink.take())
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
