//! Measures of trading as aggregate functions of SQL.
//!
//! Those that do not care for order keep a [`Tally`], which parts of a table make each for itself. The
//! others collect the values of a group in the order that `order by` says, as `array_agg` does, and look
//! at them at the end.

use std::sync::Arc;

use deltalake::{
    arrow::{
        array::{Array, ArrayRef, AsArray},
        datatypes::{DataType, Field, FieldRef, Float64Type},
    },
    datafusion::{
        common::{ScalarValue, plan_err},
        error::Result,
        functions_aggregate::array_agg::ArrayAgg,
        logical_expr::{
            Accumulator, AggregateUDFImpl, Signature, Volatility,
            function::{AccumulatorArgs, StateFieldsArgs},
            utils::AggregateOrderSensitivity,
        },
        physical_expr::expressions::Literal,
    },
};

use crate::measures::{Tally, drawdown};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Measure {
    Sharpe,
    Sortino,
    ProfitFactor,
    Expectancy,
    Brier,
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Self::Sharpe => "sharpe",
            Self::Sortino => "sortino",
            Self::ProfitFactor => "profit_factor",
            Self::Expectancy => "expectancy",
            Self::Brier => "brier",
        }
    }

    fn arguments(self) -> Vec<DataType> {
        match self {
            Self::Sharpe | Self::Sortino => vec![DataType::Float64; 2],
            Self::ProfitFactor | Self::Expectancy => vec![DataType::Float64],
            Self::Brier => vec![DataType::Float64, DataType::Boolean],
        }
    }
}

/// A measure for which order does not matter.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Unordered {
    measure: Measure,
    signature: Signature,
}

impl Unordered {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        use Measure::{Brier, Expectancy, ProfitFactor, Sharpe, Sortino};
        let measures = [Sharpe, Sortino, ProfitFactor, Expectancy, Brier];
        measures.into_iter().map(|measure| {
            let signature = Signature::exact(measure.arguments(), Volatility::Immutable);
            Self { measure, signature }
        })
    }

    /// How many periods a year has; 1 for a measure that is not one of years.
    fn periods(&self, given: &AccumulatorArgs<'_>) -> Result<f64> {
        if !matches!(self.measure, Measure::Sharpe | Measure::Sortino) {
            return Ok(1.0);
        }
        let literal = given.exprs[1].downcast_ref::<Literal>().map(Literal::value);
        match literal {
            Some(ScalarValue::Float64(Some(periods))) if periods.is_finite() && *periods > 0.0 => {
                Ok(*periods)
            }
            _ => {
                let name = self.measure.name();
                plan_err!("periods_per_year of {name} must be a number above 0, said as such")
            }
        }
    }
}

/// The sums of a [`Tally`], as they are handed from part to whole.
const SUMS: [&str; 6] = ["count", "mean", "squares", "squares_below", "gains", "losses"];

impl AggregateUDFImpl for Unordered {
    fn name(&self) -> &str {
        self.measure.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, given: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let sum = |sum: &str| Field::new(format!("{}[{sum}]", given.name), DataType::Float64, true);
        Ok(SUMS.map(sum).map(Arc::new).into())
    }

    fn accumulator(&self, given: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        refuse_distinct(self.name(), &given)?;
        let periods = self.periods(&given)?;
        Ok(Box::new(Sums { measure: self.measure, periods, tally: Tally::default() }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The engine makes a query below of a single distinct one; of several it leaves it to the function.
fn refuse_distinct(name: &str, given: &AccumulatorArgs<'_>) -> Result<()> {
    if given.is_distinct {
        return plan_err!("{name} counts every row; select the distinct ones in a query below it");
    }
    Ok(())
}

/// Of one group.
#[derive(Debug)]
struct Sums {
    measure: Measure,
    periods: f64,
    tally: Tally,
}

impl Accumulator for Sums {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = known(&values[0]);
        if self.measure == Measure::Brier {
            for (confidence, came_true) in numbers.zip(values[1].as_boolean()) {
                let (Some(confidence), Some(came_true)) = (confidence, came_true) else { continue };
                let missed = confidence / 100.0 - f64::from(u8::from(came_true));
                self.tally.add(missed * missed);
            }
        } else {
            numbers.flatten().for_each(|number| self.tally.add(number));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = match self.measure {
            Measure::Sharpe => self.tally.sharpe(self.periods),
            Measure::Sortino => self.tally.sortino(self.periods),
            Measure::ProfitFactor => self.tally.profit_factor(),
            Measure::Expectancy | Measure::Brier => self.tally.expectancy(),
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Tally { count, mean, squares, squares_below, gains, losses } = self.tally;
        let sums = [count, mean, squares, squares_below, gains, losses];
        Ok(sums.map(ScalarValue::from).into())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let of = |sum: usize, row: usize| states[sum].as_primitive::<Float64Type>().value(row);
        for row in 0..states[0].len() {
            self.tally.merge(Tally {
                count: of(0, row),
                mean: of(1, row),
                squares: of(2, row),
                squares_below: of(3, row),
                gains: of(4, row),
                losses: of(5, row),
            });
        }
        Ok(())
    }
}

/// The numbers of a column; what is null, infinite or no number is not known.
fn known(column: &dyn Array) -> impl Iterator<Item = Option<f64>> {
    column.as_primitive::<Float64Type>().iter().map(|value| value.filter(|one| one.is_finite()))
}

/// A drawdown: how deep it was, or how long.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OfEquity {
    is_length: bool,
    signature: Signature,
    /// Collects the equity in order.
    collected: ArrayAgg,
}

impl OfEquity {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|is_length| {
            let signature = Signature::exact(vec![DataType::Float64], Volatility::Immutable);
            Self { is_length, signature, collected: ArrayAgg::default() }
        })
    }
}

impl AggregateUDFImpl for OfEquity {
    fn name(&self) -> &str {
        if self.is_length { "drawdown_length" } else { "max_drawdown" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.is_length { DataType::Int64 } else { DataType::Float64 })
    }

    fn state_fields(&self, given: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.collected.state_fields(given)
    }

    fn accumulator(&self, given: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        refuse_distinct(self.name(), &given)?;
        if given.order_bys.is_empty() {
            let name = self.name();
            return plan_err!("{name} has to be told the order: {name}(equity order by timestamp)");
        }
        let collected = self.collected.accumulator(given)?;
        Ok(Box::new(Equity { is_length: self.is_length, collected }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.collected.order_sensitivity()
    }

    /// What is collected is sorted at the end, however it came.
    fn with_beneficial_ordering(
        self: Arc<Self>,
        _is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }
}

/// Of one group.
#[derive(Debug)]
struct Equity {
    is_length: bool,
    collected: Box<dyn Accumulator>,
}

impl Accumulator for Equity {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.collected.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let ScalarValue::List(list) = self.collected.evaluate()? else {
            return plan_err!("an equity is a list of numbers");
        };
        let fall = drawdown(known(list.values()).flatten());
        if !self.is_length {
            return Ok(ScalarValue::Float64(fall.map(|fall| fall.deepest)));
        }
        Ok(ScalarValue::Int64(fall.and_then(|fall| i64::try_from(fall.longest).ok())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.collected.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.collected.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.collected.merge_batch(states)
    }
}
