//! How columns are laid out in Parquet.
#![doc = include_str!("layout.md")]

use deltalake::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, Field, Schema},
    },
    parquet::{
        arrow::ArrowWriter,
        basic::{Compression, Encoding, ZstdLevel},
        errors::ParquetError,
        file::properties::{EnabledStatistics, WriterProperties},
        schema::types::ColumnPath,
    },
};

/// One way of writing a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As they are; best where a price returns in the next row, as an open after a close.
    Plain,
    /// Best where there are few distinct values, as in FX.
    Dictionary,
    /// Byte by byte; best where only the last digits differ.
    Split,
}

impl Form {
    const ALL: [Self; 3] = [Self::Plain, Self::Dictionary, Self::Split];
}

/// The form of each column whose best form depends on the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout([Form; 5]);

const NUMBERS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// A dictionary larger than this is no longer one.
const DICTIONARY_BYTES: usize = 4 * 1024 * 1024;

/// Nobody skips row groups by these, so their minimum and maximum are not worth the work.
const WITHOUT_STATISTICS: [&str; 7] = [
    "trade_count",
    "is_mock",
    "is_derived",
    "revision",
    "_extracted_at",
    "_ingestion_id",
    "_source",
];

impl Default for Layout {
    /// For rows that have just come; compaction finds out what suits them best.
    fn default() -> Self {
        Self([Form::Plain, Form::Plain, Form::Plain, Form::Plain, Form::Split])
    }
}

impl Layout {
    /// Writes the numbers of `rows` in every form and keeps the smallest of each column. Rows that
    /// are no candles have nothing to be tried.
    pub(super) fn best(rows: &RecordBatch, level: i32) -> Result<Self, ParquetError> {
        if NUMBERS.iter().any(|name| rows.column_by_name(name).is_none()) {
            return Ok(Self::default());
        }
        let sample = rows.slice(0, rows.num_rows().min(SAMPLE));
        let mut best = Self::default();
        let mut smallest = [i64::MAX; NUMBERS.len()];
        for form in Form::ALL {
            let sizes = sizes(&sample, level, form)?;
            for ((size, smallest), chosen) in sizes.iter().zip(&mut smallest).zip(&mut best.0) {
                if size < smallest {
                    (*smallest, *chosen) = (*size, form);
                }
            }
        }
        Ok(best)
    }
}

/// Enough rows to know a market by.
const SAMPLE: usize = 200_000;

/// Compressed bytes of each number column, all written in one form.
fn sizes(rows: &RecordBatch, level: i32, form: Form) -> Result<[i64; 5], ParquetError> {
    let columns = NUMBERS.map(|name| rows.schema().index_of(name).ok());
    let columns: Vec<usize> = columns.into_iter().flatten().collect();
    let numbers = rows.project(&columns)?;
    let schema = std::sync::Arc::new(Schema::clone(&numbers.schema()));
    let properties = properties(level, &Layout([form; 5]), &schema);
    let mut writer = ArrowWriter::try_new(std::io::sink(), schema, Some(properties))?;
    writer.write(&numbers)?;
    let written = writer.close()?;
    let size = |column: usize| {
        let groups = written.row_groups().iter();
        groups.map(|group| group.column(column).compressed_size()).sum()
    };
    Ok(std::array::from_fn(size))
}

/// zstd `level`; timestamps as deltas, prices and volumes as `layout` says, other numbers split: computed
/// ones hardly ever return, so that a dictionary is built in vain.
pub(super) fn properties(level: i32, layout: &Layout, schema: &Schema) -> WriterProperties {
    let zstd = ZstdLevel::try_new(level).unwrap_or_default();
    let time = ColumnPath::from("timestamp");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(zstd))
        .set_max_row_group_row_count(Some(1_048_576))
        .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned());
    let is_time = |field: &Field| matches!(field.data_type(), DataType::Timestamp(..));
    if schema.field_with_name("timestamp").is_ok_and(is_time) {
        properties = properties
            .set_column_dictionary_enabled(time.clone(), false)
            .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED);
    }
    let numbers = schema.fields().iter().filter(|field| field.data_type() == &DataType::Float64);
    for field in numbers {
        let column = ColumnPath::from(field.name().as_str());
        let known = NUMBERS.iter().position(|name| name == field.name());
        let form = known.map_or(Form::Split, |at| layout.0[at]);
        let encoding =
            if form == Form::Split { Encoding::BYTE_STREAM_SPLIT } else { Encoding::PLAIN };
        properties = properties
            .set_column_dictionary_enabled(column.clone(), form == Form::Dictionary)
            .set_column_dictionary_page_size_limit(column.clone(), DICTIONARY_BYTES)
            .set_column_encoding(column.clone(), encoding);
        if known.is_some() {
            properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
        }
    }
    for name in WITHOUT_STATISTICS {
        properties = properties
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    properties.build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deltalake::arrow::array::{ArrayRef, Float64Array, StringArray};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn rows(prices: &[f64]) -> RecordBatch {
        let column = || -> ArrayRef { Arc::new(Float64Array::from(prices.to_vec())) };
        RecordBatch::try_from_iter(NUMBERS.map(|name| (name, column()))).unwrap()
    }

    #[test]
    fn the_layout_follows_the_market() {
        let mut random = StdRng::seed_from_u64(7);
        // A few thousand distinct prices in no order: an index is shorter than any of them.
        let few: Vec<f64> =
            (0..60_000).map(|_| 1.0 + f64::from(random.random_range(0..5_000)) / 1e5).collect();
        assert_eq!(Layout::best(&rows(&few), 9).unwrap().0[0], Form::Dictionary);
        // Many prices in halves: only some of their bytes differ.
        let many: Vec<f64> = (0..60_000)
            .map(|_| 40_000.0 + f64::from(random.random_range(0..60_000)) / 2.0)
            .collect();
        assert_eq!(Layout::best(&rows(&many), 9).unwrap().0[0], Form::Split);
    }

    #[test]
    fn a_name_alone_does_not_make_a_number() {
        let texts = |name| -> (&str, ArrayRef) { (name, Arc::new(StringArray::from(vec!["a"]))) };
        let rows = RecordBatch::try_from_iter(["timestamp", "close", "volume"].map(texts)).unwrap();
        let properties = properties(1, &Layout::default(), &rows.schema());
        let mut writer =
            ArrowWriter::try_new(std::io::sink(), rows.schema(), Some(properties)).unwrap();
        writer.write(&rows).unwrap();
        assert_eq!(writer.close().unwrap().file_metadata().num_rows(), 1);
    }
}
