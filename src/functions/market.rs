//! What a name of the market says, as a function of SQL.

use std::sync::Arc;

use deltalake::{
    arrow::{
        array::{ArrayRef, AsArray, StringArray},
        datatypes::DataType,
    },
    datafusion::{
        error::Result,
        logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
    },
};

use crate::market::InstrumentId;

/// `asset_class(asset_pair)` is `crypto`, `fx` or `equity`; null for what is no name.
pub(super) fn asset_class() -> ScalarUDF {
    let text = DataType::Utf8;
    create_udf("asset_class", vec![text.clone()], text, Volatility::Immutable, Arc::new(class_of))
}

fn class_of(given: &[ColumnarValue]) -> Result<ColumnarValue> {
    let names = ColumnarValue::values_to_arrays(given)?;
    let class = |name: &str| Some(name.parse::<InstrumentId>().ok()?.asset_class().as_str());
    let classes = names[0].as_string::<i32>().iter().map(|name| name.and_then(class));
    Ok(ColumnarValue::Array(Arc::new(classes.collect::<StringArray>()) as ArrayRef))
}
