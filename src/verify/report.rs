//! What came of a verification: for every invariant what breaks it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::market::Subject;

/// Something that must hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invariant {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct Report {
    /// When it was done.
    pub verified_at: DateTime<Utc>,
    /// Series that were looked at.
    #[schema(minimum = 0)]
    pub series: usize,
    /// Rows that were looked at.
    #[schema(minimum = 0)]
    pub rows: i64,
    /// Whether everything holds.
    pub is_sound: bool,
    /// Every invariant, whether it holds or not.
    pub invariants: Vec<Outcome>,
}

/// Whether one holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Invariant)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub says: &'static str,
    /// How often it does not.
    #[schema(minimum = 0)]
    pub violations: i64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// A place where an invariant does not hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Violation)]
pub struct Example {
    /// Or the table of records.
    pub series: Subject,
    pub start: DateTime<Utc>,
    /// What is wrong.
    pub detail: String,
}

/// Examples of each invariant.
const MOST_EXAMPLES: usize = 20;

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) series: usize,
    pub(super) rows: i64,
    by_name: BTreeMap<&'static str, (i64, Vec<Example>)>,
}

impl Found {
    pub(super) fn count(&mut self, invariant: &'static str, violations: i64) {
        self.by_name.entry(invariant).or_default().0 += violations;
    }

    pub(super) fn example(&mut self, invariant: &'static str, example: Example) {
        let (_, examples) = self.by_name.entry(invariant).or_default();
        if examples.len() < MOST_EXAMPLES {
            examples.push(example);
        }
    }

    pub(super) fn violation(&mut self, invariant: &'static str, example: Example) {
        self.count(invariant, 1);
        self.example(invariant, example);
    }

    pub(super) fn report(
        mut self,
        invariants: impl Iterator<Item = Invariant>,
        verified_at: DateTime<Utc>,
    ) -> Report {
        let outcome = |Invariant { name, says }| {
            let (violations, examples) = self.by_name.remove(name).unwrap_or_default();
            Outcome { name, says, violations, examples }
        };
        let invariants: Vec<Outcome> = invariants.map(outcome).collect();
        let is_sound = invariants.iter().all(|outcome| outcome.violations == 0);
        let (series, rows) = (self.series, self.rows);
        Report { verified_at, series, rows, is_sound, invariants }
    }
}
