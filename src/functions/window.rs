//! An indicator as the query engine meets it.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use deltalake::{
    arrow::{
        array::{Array, ArrayRef, AsArray, StructArray},
        datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Float64Type},
    },
    datafusion::{
        common::{ScalarValue, plan_err},
        error::Result,
        logical_expr::{
            LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDFImpl,
            function::{PartitionEvaluatorArgs, WindowUDFFieldArgs},
        },
        physical_expr::expressions::Literal,
        physical_plan::PhysicalExpr,
    },
};

use super::families::{Family, Field, Parameter};

/// More candles than that no indicator is made for.
const MOST: f64 = 10_000.0;

/// A window function that gives what a family computes.
pub(super) struct Indicator {
    family: &'static Family,
    signature: Signature,
}

impl Indicator {
    pub(super) fn new(family: &'static Family) -> Self {
        let arguments = family.prices.len() + family.parameters.len();
        let signature = Signature::exact(vec![DataType::Float64; arguments], Volatility::Immutable);
        Self { family, signature }
    }

    fn kind(&self) -> DataType {
        if self.family.fields.is_empty() {
            return DataType::Float64;
        }
        DataType::Struct(self.family.fields.iter().map(Field::arrow).collect())
    }

    /// The numbers behind the columns of prices.
    fn parameters(&self, given: &[Arc<dyn PhysicalExpr>]) -> Result<Vec<f64>> {
        let name = self.family.name;
        let given = given.iter().skip(self.family.prices.len());
        let read = |(parameter, given): (&Parameter, &Arc<dyn PhysicalExpr>)| {
            let literal = given.downcast_ref::<Literal>().map(Literal::value);
            match (parameter, literal) {
                (Parameter::Candles(_), Some(ScalarValue::Float64(Some(n))))
                    if n.fract() == 0.0 && (1.0..=MOST).contains(n) =>
                {
                    Ok(*n)
                }
                (Parameter::Factor(_), Some(ScalarValue::Float64(Some(x))))
                    if x.is_finite() && *x > 0.0 =>
                {
                    Ok(*x)
                }
                (Parameter::Candles(which), _) => {
                    plan_err!(
                        "{which} of {name} must be a whole number from 1 to {MOST}, said as such"
                    )
                }
                (Parameter::Factor(which), _) => {
                    plan_err!("{which} of {name} must be a number above 0, said as such")
                }
            }
        };
        self.family.parameters.iter().zip(given).map(read).collect()
    }
}

impl Field {
    fn arrow(&self) -> ArrowField {
        match self {
            Self::Number(name) => ArrowField::new(*name, DataType::Float64, true),
            Self::Flag(name) => ArrowField::new(*name, DataType::Boolean, true),
        }
    }
}

impl WindowUDFImpl for Indicator {
    fn name(&self) -> &str {
        self.family.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        given: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let parameters = self.parameters(given.input_exprs())?;
        Ok(Box::new(Evaluator { family: self.family, parameters }))
    }

    fn field(&self, given: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(ArrowField::new(given.name(), self.kind(), true)))
    }

    fn limit_effect(&self, _: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

/// Of one query; sees partition after partition.
struct Evaluator {
    family: &'static Family,
    parameters: Vec<f64>,
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Evaluator").field(&self.family.name).finish()
    }
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let columns: Vec<Vec<f64>> =
            values.iter().take(self.family.prices.len()).map(|one| floats(one)).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut computed = (self.family.compute)(&columns, &self.parameters);
        if self.family.fields.is_empty() {
            return Ok(computed.swap_remove(0));
        }
        let fields: Fields = self.family.fields.iter().map(Field::arrow).collect();
        Ok(Arc::new(StructArray::try_new(fields, computed, None)?))
    }
}

/// What is null or infinite is NaN: not there.
fn floats(column: &dyn Array) -> Vec<f64> {
    let known = |value: f64| if value.is_finite() { value } else { f64::NAN };
    let numbers = column.as_primitive::<Float64Type>();
    match numbers.nulls() {
        None => numbers.values().iter().copied().map(known).collect(),
        Some(_) => numbers.iter().map(|value| value.map_or(f64::NAN, known)).collect(),
    }
}

impl std::fmt::Debug for Indicator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Indicator").field(&self.family.name).finish()
    }
}

/// There is one of each name.
impl PartialEq for Indicator {
    fn eq(&self, other: &Self) -> bool {
        self.family.name == other.family.name
    }
}

impl Eq for Indicator {}

impl Hash for Indicator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.family.name.hash(state);
    }
}
