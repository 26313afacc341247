//! Models: what is built is what a build from scratch would give, whatever came when.

mod analysis;
mod api;
mod builds;
mod equal;
mod features;
mod headers;
mod lineage;
mod quality;
mod trading;

use std::fs;

use barkeep::{jobs::JobSpec, models::ModelError, store::KeptBuild};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::test_app::{Setup, TestApp, seconds};

/// A daemon with models of its own beside those that Barkeep brings.
pub(crate) struct Stage {
    pub(crate) app: TestApp,
    folder: TempDir,
}

/// Sees back so many rows of its series, and no further.
pub(crate) const TOPS: &str = "\
-- builds: silver.tops
-- from: silver.market_data
-- key: asset_pair, timeframe, timestamp
-- partition by: timeframe
-- series: asset_pair, timeframe
-- reach: 19 rows
select asset_pair, timeframe, timestamp, close,
    max(close) over (partition by asset_pair, timeframe order by timestamp rows 19 preceding) as highest,
    count(*) over (partition by asset_pair, timeframe order by timestamp rows 19 preceding) as n
from silver.market_data
";

impl Stage {
    pub(crate) async fn with(setup: Setup, models: &[(&str, &str)]) -> Self {
        Self::told(setup, models, &[]).await
    }

    /// With settings that are not known before the test runs.
    pub(crate) async fn told(
        setup: Setup,
        models: &[(&str, &str)],
        more: &[(&str, String)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in models {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().to_str().unwrap().to_owned();
        let settings = [more, &[("MODELS__PATH", path)]].concat();
        let app = TestApp::with_settings(setup, &settings).await;
        Self { app, folder }
    }

    /// Everything that is due, again until nothing is.
    pub(crate) async fn build(&self) -> usize {
        let mut all = 0;
        loop {
            let built = self.app.app.models.build_due().await.unwrap();
            if built == 0 {
                self.expect_own_models_to_be_built().await;
                return all;
            }
            all += built;
            self.app.clock.advance(seconds(10));
        }
    }

    /// Only models that a test has brought may fail.
    async fn expect_own_models_to_be_built(&self) {
        for build in self.app.app.store.builds(None, None, 100).await.unwrap() {
            let is_own = !["silver.tops", "silver.broken"].contains(&&*build.model);
            assert!(!is_own || build.error.is_none(), "{build:#?}");
        }
    }

    pub(crate) async fn rebuild(&self, model: &str) -> Result<KeptBuild, ModelError> {
        self.app.app.models.build_now(model, true).await
    }

    pub(crate) async fn sql(&self, query: &str) -> Vec<Value> {
        let answer = self.app.post("/v1/sql", &json!({ "query": query })).await.ok();
        answer["rows"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    pub(crate) async fn one(&self, query: &str) -> Value {
        self.sql(query).await[0].clone()
    }

    /// The newest builds of a model, newest first.
    pub(crate) async fn builds(&self, model: &str) -> Vec<KeptBuild> {
        self.app.app.store.builds(Some(model), None, 100).await.unwrap()
    }

    /// Polls a series some minutes later.
    pub(crate) async fn tick(&self, series: &str, minutes: i64) {
        self.app.clock.advance(seconds(60 * minutes));
        self.app
            .run(barkeep::jobs::run(&self.app.app, &JobSpec::Poll(series.parse().unwrap())))
            .await
            .unwrap();
    }
}
