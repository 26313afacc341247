//! How columns are laid out in Parquet; measured, see `docs` of the README's layout section.

use deltalake::parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};

/// A price column keeps its dictionary only while it stays smaller than this: few distinct prices
/// (FX) are best as a dictionary, many (crypto) as split byte streams.
const PRICE_DICTIONARY_BYTES: usize = 64 * 1024;

/// Nobody skips row groups by these, so their minimum and maximum are not worth the work.
const WITHOUT_STATISTICS: [&str; 12] = [
    "open",
    "high",
    "low",
    "close",
    "volume",
    "trade_count",
    "is_mock",
    "is_derived",
    "revision",
    "_extracted_at",
    "_ingestion_id",
    "_source",
];

/// zstd `level`; timestamps as deltas, prices and volumes as dictionary or split byte streams.
pub(super) fn properties(level: i32) -> WriterProperties {
    let zstd = ZstdLevel::try_new(level).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(zstd))
        .set_max_row_group_row_count(Some(1_048_576))
        .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned());
    properties = plain(properties, "timestamp", Encoding::DELTA_BINARY_PACKED);
    for price in ["open", "high", "low", "close"] {
        let column = ColumnPath::from(price);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), true)
            .set_column_dictionary_page_size_limit(column.clone(), PRICE_DICTIONARY_BYTES)
            .set_column_encoding(column, Encoding::BYTE_STREAM_SPLIT);
    }
    for column in WITHOUT_STATISTICS {
        properties = properties
            .set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::None);
    }
    plain(properties, "volume", Encoding::BYTE_STREAM_SPLIT).build()
}

fn plain(
    properties: WriterPropertiesBuilder,
    column: &str,
    encoding: Encoding,
) -> WriterPropertiesBuilder {
    properties
        .set_column_dictionary_enabled(ColumnPath::from(column), false)
        .set_column_encoding(ColumnPath::from(column), encoding)
}
