//! `carry(value)`: the newest value that is not null, as a window function.
//!
//! It is `last_value(value) ignore nulls` from the first row on, but that looks back from every row anew,
//! which takes as long as the values are far apart.

use std::sync::Arc;

use deltalake::{
    arrow::{
        array::{Array, ArrayRef, UInt64Array},
        compute::take,
        datatypes::{DataType, Field, FieldRef},
    },
    datafusion::{
        error::Result,
        logical_expr::{
            LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDFImpl,
            function::{PartitionEvaluatorArgs, WindowUDFFieldArgs},
        },
        physical_plan::PhysicalExpr,
    },
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Carry(Signature);

impl Carry {
    pub(super) fn new() -> Self {
        Self(Signature::any(1, Volatility::Immutable))
    }
}

impl WindowUDFImpl for Carry {
    fn name(&self) -> &'static str {
        "carry"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator))
    }

    fn field(&self, given: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let kind =
            given.input_fields().first().map_or(DataType::Null, |own| own.data_type().clone());
        Ok(Arc::new(Field::new(given.name(), kind, true)))
    }

    fn limit_effect(&self, _: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

#[derive(Debug)]
struct Evaluator;

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let mut newest = None;
        let mut at = |row: usize| {
            if values[0].is_valid(row) {
                newest = Some(row as u64);
            }
            newest
        };
        let rows: UInt64Array = (0..rows).map(&mut at).collect();
        Ok(take(&values[0], &rows, None)?)
    }
}
