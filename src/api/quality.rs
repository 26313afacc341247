//! `GET /v1/quality`: what is expected of the data, and how far it is so.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    models::last_builds,
    openapi::{Refused, Unavailable},
};
use crate::{
    app::App,
    market::{AssetClass, CandleState, RecordKind, Timeframe, Window},
    models::{Model, Outcome, Severity},
    quality::{self, EXPECTATIONS},
    records,
    store::KeptBuild,
};

/// What is expected of the data, and how far it is so.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Quality {
    passed: Passed,
    /// What single candles and documents are held to.
    expectations: Vec<ExpectationView>,
    /// What tables are held to whenever they are built.
    tests: Vec<TestOutcome>,
}

/// Candles of the last 24 hours, of every series that is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SharePassed)]
struct Passed {
    /// Landed, or confirmed as no trade.
    #[schema(minimum = 0)]
    good: i64,
    /// Refused, and not sent again in a good state.
    #[schema(minimum = 0)]
    refused: i64,
    /// `good / (good + refused)`; null where there was none.
    #[schema(required, minimum = 0, maximum = 1)]
    share: Option<f64>,
    /// `quality.target` in the settings.
    #[schema(minimum = 0, maximum = 1)]
    target: f64,
    /// Whether the share is at least the target; null where there was none.
    #[schema(required)]
    is_met: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Expectation)]
struct ExpectationView {
    /// As dead letters call it, and anomalies.
    name: &'static str,
    /// What it is about: `candle`, `record` (a decision or an execution), or `series`, where a candle is
    /// compared with those before it: `silver.anomalies` has what was found.
    scope: &'static str,
    /// `refuse`: what does not meet it becomes a dead letter. `warn`: it lands, and it is said.
    severity: &'static str,
    /// What it expects; null where the name says it.
    #[schema(required)]
    about: Option<&'static str>,
    /// By asset class, for 1m, 5m, 15m, 1h, 4h and 1d; null where there is nothing to set.
    #[schema(required)]
    thresholds: Option<BTreeMap<&'static str, [f64; 6]>>,
    /// Open dead letters because of it.
    #[schema(minimum = 0)]
    open_letters: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TableTest)]
struct TestOutcome {
    /// The table that is held to it.
    table: String,
    /// Told apart by it, within its table.
    test: String,
    /// `refuse`: nothing is published while it fails. `warn`: it is said.
    severity: &'static str,
    /// A condition on every row, or a query that gives no row.
    check: String,
    /// Rows of the last build for which it did not hold; null before the first build, and where a build
    /// failed before it.
    #[schema(required, minimum = 0)]
    failures: Option<u64>,
    /// The key of one of them.
    #[schema(required)]
    example: Option<String>,
    /// When that build ended.
    #[schema(required)]
    tested_at: Option<DateTime<Utc>>,
}

const CANDLE: &str = "candle";
const RECORD: &str = "record";

/// Open ones, by scope and expectation.
type Letters = BTreeMap<(&'static str, String), i64>;

/// What is expected of the data, and how far it is so
///
/// Of each day and series `gold.mart_data_quality` says it.
#[utoipa::path(
    get,
    path = "/v1/quality",
    operation_id = "showQuality",
    tag = "quality",
    responses(
        (status = 200, description = "Expectations, tests, and the share that passes.", body = Quality, example = json!({
            "passed": { "good": 11_339, "refused": 1, "share": 0.999_911, "target": 0.99, "is_met": true },
            "expectations": [{
                "name": "high_not_below_low",
                "scope": "candle",
                "severity": "refuse",
                "about": null,
                "thresholds": null,
                "open_letters": 1,
            }],
            "tests": [{
                "table": "silver.market_data",
                "test": "positive",
                "severity": "refuse",
                "check": "low > 0",
                "failures": 0,
                "example": null,
                "tested_at": "2024-03-06T12:00:35Z",
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<Quality>, Problem> {
    params.finish("")?;
    let mut letters = Letters::new();
    for open in app.store.open_dead_letters().await? {
        let is_of_record = open.provider.parse::<RecordKind>().is_ok();
        let scope = if is_of_record { RECORD } else { CANDLE };
        *letters.entry((scope, open.expectation)).or_default() += open.letters;
    }
    let last = last_builds(&app).await?;
    let of = |model: &Model| outcomes(model, last.get(model.name.as_str()));
    let tests = app.models.all().iter().flat_map(of).collect();
    let expectations = expectations(&app, &letters);
    Ok(Json(Quality { passed: passed(&app), expectations, tests }))
}

fn passed(app: &App) -> Passed {
    let now = app.clock.now();
    let (mut good, mut refused) = (0, 0);
    for book in app.live_books() {
        let timeframe = book.series().timeframe;
        let end = app.closed_until(book.series(), now);
        let start = end - TimeDelta::days(1);
        for run in book.with_ledger(|ledger| ledger.states(Window::new(start, end))) {
            let candles = run.window.candles(timeframe);
            match run.value {
                CandleState::Final | CandleState::NoTrade => good += candles,
                CandleState::Quarantined => refused += candles,
                _ => {}
            }
        }
    }
    let target = app.config.quality.target;
    let share = (good + refused > 0).then(|| good as f64 / (good + refused) as f64);
    Passed { good, refused, share, target, is_met: share.map(|share| share >= target) }
}

fn expectations(app: &App, letters: &Letters) -> Vec<ExpectationView> {
    let one = |name: &'static str, scope, severity| ExpectationView {
        name,
        scope,
        severity,
        about: None,
        thresholds: None,
        open_letters: letters.get(&(scope, name.to_owned())).copied().unwrap_or_default(),
    };
    let refuses = |severity: quality::Severity| severity == quality::Severity::Refuse;
    let word = |refuses: bool| if refuses { "refuse" } else { "warn" };
    let named = EXPECTATIONS.iter().map(|own| one(own.name, CANDLE, word(refuses(own.severity))));
    let is_named = |reason: &&str| EXPECTATIONS.iter().any(|own| own.name == *reason);
    let others = quality::reasons().filter(|reason| !is_named(reason));
    let others = others.map(|reason| one(reason, CANDLE, "refuse"));
    let of_records = records::REASONS.into_iter().map(|reason| one(reason, RECORD, "refuse"));
    let odd = one(records::PROFIT_ADDS_UP, RECORD, "warn");
    let unusual = app.config.quality.expected.iter().map(|expected| {
        let of = |class| Timeframe::ALL.map(|timeframe| expected.threshold(class, timeframe));
        let thresholds = AssetClass::ALL.map(|class| (class.as_str(), of(class)));
        ExpectationView {
            about: Some(expected.anomaly.about()),
            thresholds: Some(thresholds.into()),
            ..one(expected.anomaly.as_str(), "series", "warn")
        }
    });
    named.chain(others).chain(of_records).chain([odd]).chain(unusual).collect()
}

/// Of every test of a model how it went in its last build.
fn outcomes(model: &Model, last: Option<&KeptBuild>) -> Vec<TestOutcome> {
    let known: Vec<Outcome> =
        last.and_then(|build| serde_json::from_str(&build.tests).ok()).unwrap_or_default();
    let one = |test: &crate::models::Test| {
        let outcome = known.iter().find(|outcome| outcome.test == test.name);
        TestOutcome {
            table: model.name.to_string(),
            test: test.name.clone(),
            severity: Severity::as_str(test.severity),
            check: test.check.clone(),
            failures: outcome.map(|outcome| outcome.failures),
            example: outcome.and_then(|outcome| outcome.example.clone()),
            tested_at: outcome.and(last).map(|build| build.ended_at),
        }
    };
    model.tests.iter().map(one).collect()
}
