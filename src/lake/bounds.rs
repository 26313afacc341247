//! Whether a file can have any of the keys of some rows, by what the log says of it.

use buoyant_kernel::expressions::Scalar;
use deltalake::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::{cast, max, max_string, min, min_string},
        datatypes::{DataType, Int64Type},
    },
    kernel::LogicalFileView,
};

/// The least and the greatest value of each column of a key.
#[derive(Debug)]
pub(super) struct Bounds(Vec<(String, Bound, Bound)>);

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Bound {
    Text(String),
    Number(i64),
}

/// Longer texts may be cut off in the log.
const WHOLE_TEXT: usize = 24;

impl Bounds {
    /// Of the rows of `keys`, whose columns are those of the key. Those that cannot be compared with
    /// what a log says are left out.
    pub(super) fn of(keys: &RecordBatch) -> Self {
        let schema = keys.schema();
        let named = schema.fields().iter().zip(keys.columns());
        let bounds = named.filter_map(|(field, column)| {
            let (least, greatest) = range(column.as_ref())?;
            Some((field.name().clone(), least, greatest))
        });
        Self(bounds.collect())
    }

    /// Whether the file may have one of the keys.
    pub(super) fn may_be_in(&self, file: &LogicalFileView) -> bool {
        let (Some(Scalar::Struct(least)), Some(Scalar::Struct(greatest))) =
            (file.min_values(), file.max_values())
        else {
            return true;
        };
        let value = |of: &buoyant_kernel::expressions::StructData, name: &str| {
            let at = of.fields().iter().position(|field| field.name() == name)?;
            bound(&of.values()[at])
        };
        self.0.iter().all(|(name, from, to)| {
            let is_before = value(&greatest, name).is_some_and(|last| last < *from);
            let is_after = value(&least, name).is_some_and(|first| *to < first);
            !is_before && !is_after
        })
    }
}

fn range(column: &dyn Array) -> Option<(Bound, Bound)> {
    if column.data_type() == &DataType::Utf8 {
        let texts = column.as_string::<i32>();
        let text = |text: Option<&str>| Some(Bound::Text(text?.to_owned()));
        return Some((text(min_string(texts))?, text(max_string(texts))?));
    }
    let is_whole = matches!(
        column.data_type(),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Int32 | DataType::Int64
    );
    if !is_whole {
        return None;
    }
    let whole = cast(column, &DataType::Int64)
        .or_else(|_| cast(&cast(column, &DataType::Int32)?, &DataType::Int64));
    let whole = whole.ok()?;
    let numbers = whole.as_primitive::<Int64Type>();
    Some((Bound::Number(min(numbers)?), Bound::Number(max(numbers)?)))
}

fn bound(value: &Scalar) -> Option<Bound> {
    Some(match value {
        Scalar::String(text) if text.len() <= WHOLE_TEXT => Bound::Text(text.clone()),
        Scalar::Timestamp(micros) | Scalar::Long(micros) => Bound::Number(*micros),
        Scalar::Date(days) | Scalar::Integer(days) => Bound::Number(i64::from(*days)),
        _ => return None,
    })
}
