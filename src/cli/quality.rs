//! `barkeep quality`: what is expected of the data, and how far it is so.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{
    output::{count, instant, text, word},
    remote::{Listing, Remote, items_of},
};
use crate::config::Config;

/// Days, series by series, are in `gold.mart_data_quality`; unusual candles in `silver.anomalies`.
#[derive(Debug, Args)]
pub(super) struct Quality {
    #[command(flatten)]
    remote: Remote,
}

const EXPECTATIONS: Listing = Listing {
    columns: &[
        text("expectation", "/name"),
        text("of", "/scope"),
        word("severity", "/severity"),
        count("open letters", "/open_letters"),
    ],
    none: "nothing is expected",
};

const TESTS: Listing = Listing {
    columns: &[
        text("table", "/table"),
        text("test", "/test"),
        word("severity", "/severity"),
        count("failures", "/failures"),
        instant("tested", "/tested_at"),
        text("example", "/example"),
    ],
    none: "no table is tested",
};

impl Quality {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let talk = self.remote.open(config)?;
        let answer = talk.client.get(&["v1", "quality"], &[]).await?;
        talk.tell(&answer, |value| {
            let expectations = items_of(value, "expectations", &EXPECTATIONS);
            let tests = items_of(value, "tests", &TESTS);
            format!("{expectations}\n\n{tests}\n\n{}", passed(&value["passed"]))
        })
    }
}

fn passed(passed: &Value) -> String {
    let Some(share) = passed["share"].as_f64() else {
        return "of the last 24 hours there is no candle".to_owned();
    };
    let percent = |share: f64| format!("{:.3} %", share * 100.0);
    let target = passed["target"].as_f64().unwrap_or_default();
    let is_met = if passed["is_met"] == true { "at least" } else { "less than" };
    format!(
        "of the candles of the last 24 hours {} are good, {is_met} the {} that are asked for",
        percent(share),
        percent(target)
    )
}
