//! `as_of` and `table_version`: what was answered in the past is answered again, without hindsight.

use barkeep::{
    lake::CandleTable,
    market::{Timeframe, Window},
    simulate::SimulationConfig,
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use super::{instant, items};
use crate::support::test_app::{Setup, TestApp, query_of, seconds};

const BTC: &str = "/v1/candles?series=coinbase/BTCUSD/1m";

/// What was answered at an instant.
struct Moment {
    at: DateTime<Utc>,
    version: u64,
    window: Value,
    candles: Value,
}

fn table(app: &TestApp) -> &CandleTable {
    app.app.lake.candles(Timeframe::M1)
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An hour of a market that revises every other candle, its files merged in between.
async fn an_hour(app: &TestApp, path: &str) -> Vec<Moment> {
    let mut moments = Vec::new();
    for minute in 0..60 {
        app.clock.advance(seconds(60));
        app.poll("coinbase/BTCUSD/1m").await.unwrap();
        if minute % 20 == 10 {
            table(app).compact_fully().await.unwrap();
        }
        let answer = app.get(path).await.ok();
        moments.push(Moment {
            at: app.now(),
            version: table(app).version(),
            window: answer["window"].clone(),
            candles: answer["candles"].clone(),
        });
    }
    moments
}

async fn bench() -> (TestApp, String, Vec<Moment>) {
    let simulation =
        SimulationConfig { revised: 0.5, no_trade: 0.05, ..SimulationConfig::default() };
    let app = TestApp::with(Setup { simulation, ..Setup::default() }).await;
    app.settle().await;
    let start = app.now() - TimeDelta::minutes(10);
    let path = format!("{BTC}&{}", query_of(Window::new(start, start + TimeDelta::hours(2))));
    let moments = an_hour(&app, &path).await;
    (app, path, moments)
}

#[tokio::test]
async fn what_was_known_then_is_told_as_it_was_told_then() {
    let (app, path, moments) = bench().await;
    let present = app.get(&path).await.ok();
    let hindsight = |then: &Moment| {
        let now = items(&present, "candles").iter();
        now.zip(then.candles.as_array().unwrap()).filter(|(now, then)| now != then).count()
    };
    let revised: usize = moments.iter().map(hindsight).sum();
    assert!(revised > 10, "{revised} revised candles");
    // Nothing of it is remembered but in the lake.
    let app = app.restart().await;
    for then in &moments {
        let answer = app.get(&format!("{path}&as_of={}", text(then.at))).await.ok();
        assert_eq!(answer["candles"], then.candles, "{}", then.at);
        assert_eq!(answer["window"], then.window);
        assert_eq!(instant(&answer["as_of"]), then.at);
        for unknown in ["verdict", "watermark", "states"] {
            assert!(answer[unknown].is_null(), "{unknown}: what was thought then is not kept");
        }
        // One second earlier that was not yet known which came at that moment.
        let before = app.get(&format!("{path}&as_of={}", text(then.at - seconds(1)))).await.ok();
        let came = |candle: &&Value| instant(&candle["extracted_at"]) == then.at;
        let earlier = items(&before, "candles");
        assert_eq!(earlier.iter().filter(came).count(), 0);
        let news = then.candles.as_array().unwrap().iter().filter(came).count();
        assert_eq!(news > 0, *earlier != *then.candles.as_array().unwrap(), "{}", then.at);
    }
    let newest = app.get(&format!("{BTC}&limit=3&as_of={}", text(moments[9].at))).await.ok();
    let told = moments[9].candles.as_array().unwrap();
    assert_eq!(items(&newest, "candles").last(), told.last(), "the newest there was");
}

#[tokio::test]
async fn what_a_version_of_the_table_held_is_read_again() {
    let (app, path, moments) = bench().await;
    for then in &moments {
        let answer = app.get(&format!("{path}&table_version={}", then.version)).await.ok();
        assert_eq!(answer["candles"], then.candles, "version {}", then.version);
        assert_eq!(answer["table_version"], then.version);
    }
    // Both at once: what that version held, and of that what was known.
    let (early, late) = (&moments[5], &moments[40]);
    let both = format!("{path}&table_version={}&as_of={}", late.version, text(early.at));
    assert_eq!(app.get(&both).await.ok()["candles"], early.candles);
}

#[tokio::test]
async fn a_past_that_there_is_not_is_refused_with_what_there_is() {
    let app = TestApp::start().await;
    app.settle().await;
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    let newest = table(&app).version();
    for (given, field, fix) in [
        (format!("as_of={}", text(app.now() + seconds(1))), "as_of", "past".to_owned()),
        ("as_of=yesterday".to_owned(), "as_of", "RFC 3339".to_owned()),
        ("table_version=-1".to_owned(), "table_version", "whole number".to_owned()),
        ("table_version=1.5".to_owned(), "table_version", "whole number".to_owned()),
        (format!("table_version={}", newest + 1), "table_version", format!("to {newest}")),
    ] {
        let problem = app.get(&format!("{BTC}&{given}")).await.problem_of(&given, 422);
        assert_eq!(problem["field"], field, "{given}");
        assert!(problem["fix"].as_str().unwrap().contains(&fix), "{problem}");
    }
    let log = table(&app).snapshot().log_store().root_url().to_file_path().unwrap();
    std::fs::remove_file(log.join("_delta_log/00000000000000000000.json")).unwrap();
    let path = format!("{BTC}&table_version=0");
    assert_eq!(app.get(&path).await.problem_of("a version gone", 410)["code"], "version_gone");
}
