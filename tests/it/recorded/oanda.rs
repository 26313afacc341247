//! Recorded answers of Oanda.

use std::{fmt::Write, fs, path::Path};

use barkeep::{
    config::PriceSide::{self, Ask, Bid, Mid},
    market::{Series, Timeframe, Window},
    providers::{Lane, Provider, ProviderError},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;

use super::{Stage, counted, quoted};
use crate::{corpus::corpus, loopback::oanda};

/// File, where in it the answer is (a JSON pointer), series, price, when it was recorded.
type Known = (&'static str, &'static str, &'static str, PriceSide, &'static str);

const ANSWERS: [Known; 12] = [
    ("candles_EURUSD_H1_2017_1.json", "/response", "EURUSD/1h", Mid, "2017-01-04T00:00:00Z"),
    ("candles_EURUSD_H1_2017_2.json", "/response", "EURUSD/1h", Mid, "2017-01-04T00:00:00Z"),
    // Days that begin at 21:00, one complete and one not.
    ("candles_USDCAD_D_MBA_incomplete.json", "", "USDCAD/1d", Mid, "2021-08-30T23:00:00Z"),
    ("candles_USDCAD_D_MBA_incomplete.json", "", "USDCAD/1d", Bid, "2021-08-30T23:00:00Z"),
    ("candles_USDCAD_D_MBA_incomplete.json", "", "USDCAD/1d", Ask, "2021-08-30T23:00:00Z"),
    // Five seconds each, which nobody asks for.
    ("asyncv20_GETInstrumentsCandles_response.json", "", "AUDUSD/1m", Mid, "2017-12-21T00:00:00Z"),
    // Of an index; the instrument's name is not compared, since old answers spell it differently.
    (
        "hootnot_v3_instruments_instrument_candles.json",
        "/response",
        "EURUSD/5m",
        Mid,
        "2016-10-18T00:00:00Z",
    ),
    // Several answers in one, which this endpoint never gives; then each alone.
    ("latest_candles_2020-02-21.json", "", "EURUSD/1m", Bid, "2020-02-22T00:00:00Z"),
    (
        "latest_candles_2020-02-21.json",
        "/latestCandles/0",
        "EURUSD/1m",
        Bid,
        "2020-02-22T00:00:00Z",
    ),
    (
        "latest_candles_2020-02-21.json",
        "/latestCandles/0",
        "EURUSD/1m",
        Mid,
        "2020-02-22T00:00:00Z",
    ),
    (
        "latest_candles_2020-02-21.json",
        "/latestCandles/1",
        "EURCHF/5m",
        Mid,
        "2020-02-22T00:00:00Z",
    ),
    (
        "latest_candles_2020-02-21.json",
        "/latestCandles/1",
        "EURCHF/1m",
        Mid,
        "2020-02-22T00:00:00Z",
    ),
];

fn part(file: &Path, pointer: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    if pointer.is_empty() { text } else { json.pointer(pointer).unwrap().to_string() }
}

#[tokio::test]
async fn recorded_candles_land_unless_they_run_or_begin_at_another_time() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    for (name, pointer, series, price, now) in ANSWERS {
        let body = part(&folder.join("oanda").join(name), pointer);
        let series = format!("oanda/{series}");
        let provider = oanda(stage.url(), stage.clock.clone(), |config| config.price = price);
        let counts = counted(stage.play(&provider, &series, now, &body).await);
        writeln!(all, "{name}{pointer} as {series} {price:?}: {counts}").unwrap();
    }
    assert_snapshot!("candles", all);
}

#[tokio::test]
async fn quoted_refusals_become_the_right_errors() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    for quoted in quoted(&folder.join("oanda/errors_verbatim.jsonl")) {
        let now: DateTime<Utc> = "2026-01-06T00:00:00Z".parse().unwrap();
        stage.say(now, quoted.status().unwrap(), &quoted.body);
        let provider = oanda(stage.url(), stage.clock.clone(), |_| {});
        let series: Series = "oanda/EURUSD/1m".parse().unwrap();
        let window = Window::of_candles(now - TimeDelta::hours(1), Timeframe::M1, 10);
        let error = provider.fetch(&series, window, Lane::Live).await.unwrap_err();
        let is_right = match quoted.id.as_str() {
            "auth" => matches!(error, ProviderError::Unauthorized { .. }),
            "bad_instrument" => matches!(error, ProviderError::UnknownSymbol { .. }),
            _ => matches!(error, ProviderError::Rejected { status: 400, .. }),
        };
        assert!(is_right, "{}: {error:?}", quoted.id);
        writeln!(all, "{}: {error}", quoted.id).unwrap();
    }
    assert_snapshot!("quoted_refusals", all);
}
