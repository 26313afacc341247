//! Whether the rows that were built pass the model's tests, before anybody sees them.

use deltalake::arrow::{
    array::{AsArray, RecordBatch},
    datatypes::Int64Type,
    util::display::array_value_to_string,
};
use serde::{Deserialize, Serialize};

use super::{Model, ModelError, Severity, Test, bench::Bench};

/// How a test of a model went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub test: String,
    /// `refuse` or `warn`.
    pub severity: String,
    /// Rows for which it does not hold.
    pub failures: u64,
    /// The key of one of them, or the row that a query gave.
    pub example: Option<String>,
}

/// As the rows are called in a test.
pub(super) const BUILT: &str = "whole.built";

/// Runs every test on what is called `built`.
pub(super) async fn check(bench: &Bench<'_>) -> Result<Vec<Outcome>, ModelError> {
    let mut outcomes = Vec::new();
    for test in &bench.model.tests {
        outcomes.push(one(bench, test).await?);
    }
    Ok(outcomes)
}

/// Fails with the first test that refuses what was built.
pub(super) fn passed(model: &Model, outcomes: &[Outcome]) -> Result<(), ModelError> {
    let refused = outcomes
        .iter()
        .find(|outcome| outcome.failures > 0 && outcome.severity == Severity::Refuse.as_str());
    match refused {
        None => Ok(()),
        Some(outcome) => Err(ModelError::Test {
            model: model.name.to_string(),
            test: outcome.test.clone(),
            count: outcome.failures,
            example: outcome.example.clone().unwrap_or_default(),
        }),
    }
}

async fn one(bench: &Bench<'_>, test: &Test) -> Result<Outcome, ModelError> {
    let failing = if test.is_query() {
        format!("({})", test.check)
    } else {
        let key = bench.model.key.join(", ");
        format!("(select {key} from {BUILT} as built where not ({}))", test.check)
    };
    let (_, counted) = bench.ask(&format!("select count(*) from {failing} as failing")).await?;
    let count = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().value(0);
    let failures = counted.iter().filter(|batch| batch.num_rows() > 0).map(count).sum::<i64>();
    let mut example = None;
    if failures > 0 {
        let (_, rows) = bench.ask(&format!("select * from {failing} as failing limit 1")).await?;
        example = rows.iter().find(|batch| batch.num_rows() > 0).map(shown);
    }
    Ok(Outcome {
        test: test.name.clone(),
        severity: test.severity.as_str().to_owned(),
        failures: failures.cast_unsigned(),
        example,
    })
}

/// The first row, as `name=value` pairs.
fn shown(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let pair = |at: usize| {
        let value = array_value_to_string(batch.column(at), 0).unwrap_or_default();
        format!("{}={value}", schema.field(at).name())
    };
    (0..batch.num_columns()).map(pair).collect::<Vec<_>>().join(" ")
}

/// The outcomes of several parts of one build together.
pub(super) fn add(all: &mut Vec<Outcome>, part: Vec<Outcome>) {
    if all.is_empty() {
        *all = part;
        return;
    }
    for (own, more) in all.iter_mut().zip(part) {
        own.failures += more.failures;
        own.example = own.example.take().or(more.example);
    }
}
