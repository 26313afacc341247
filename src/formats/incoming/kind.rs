//! What a column can hold, in the words of the API.

use deltalake::arrow::datatypes::{DataType, TimeUnit};
use serde::Deserialize;
use utoipa::ToSchema;

/// A type of column that every form of rows can bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ColumnType)]
pub enum Kind {
    Text,
    /// 64 bits.
    Float,
    /// Whole, of 64 bits.
    Long,
    /// Whole, of 32 bits.
    Int,
    Bool,
    /// Microseconds since 1970, UTC.
    Timestamp,
    Date,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Float, Self::Long, Self::Int, Self::Bool, Self::Timestamp, Self::Date];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Float => "float",
            Self::Long => "long",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
        }
    }

    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Float => DataType::Float64,
            Self::Long => DataType::Int64,
            Self::Int => DataType::Int32,
            Self::Bool => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
        }
    }

    /// The one whose columns are of exactly that type.
    pub fn of(kind: &DataType) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.arrow() == *kind)
    }

    /// The one that holds every value of that type, as other programs write it.
    pub(super) fn holding(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => return Self::holding(values),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16 => Self::Int,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::Long,
            DataType::Boolean => Self::Bool,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Date32 | DataType::Date64 => Self::Date,
            _ => return None,
        })
    }

    /// Whether values of `other` become values of this one, none of them another number or time.
    pub(super) fn takes(self, other: Self) -> bool {
        let is_whole = |kind| matches!(kind, Self::Long | Self::Int);
        self == other || is_whole(other) && (is_whole(self) || self == Self::Float)
    }

    /// What is written where one belongs.
    pub(super) const fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Float => "a number",
            Self::Long | Self::Int => "a whole number of its size",
            Self::Bool => "true or false",
            Self::Timestamp => "an instant with its offset, like 2024-05-01T00:00:00Z",
            Self::Date => "a date, like 2024-05-01",
        }
    }
}
