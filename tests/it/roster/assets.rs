//! Assets that come, go, and come back, and what becomes of their candles.

use barkeep::market::{CandleState, Series, Window};
use chrono::TimeDelta;
use serde_json::json;

use super::{command, item, metric, poll, restart_with, take_queued};
use crate::support::test_app::{Setup, TestApp};

const BTC: &str = "coinbase/BTCUSD/1m";
const ETH: &str = "coinbase/ETHUSD/1m";

/// How many candles of a series since its beginning are in that state.
fn count(app: &TestApp, series: &str, state: CandleState) -> i64 {
    let series: Series = series.parse().unwrap();
    let due = app.due(&series);
    app.app.books.get(&series).unwrap().with_ledger(|ledger| {
        let states = ledger.states(Window::new(ledger.origin(), due));
        let of_state = states.iter().filter(|run| run.value == state);
        of_state.map(|run| run.window.candles(series.timeframe)).sum()
    })
}

async fn role(app: &TestApp, series: &str) -> String {
    let found = item(app, "/v1/series", "series", series).await.unwrap();
    found["role"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_asset_that_is_kept_at_run_time_lands_and_is_kept_after_a_restart() {
    let app = TestApp::start().await;
    let wanted = json!({ "timeframes": ["1m"], "enabled": true, "reason": "a new strategy" });
    let told = command(&app, "PUT", "/v1/assets/eth-usd", &wanted).await;
    assert_eq!(told["asset"], "ETHUSD");
    assert_eq!((&told["source"], &told["changed_by"]), (&json!("api"), &json!("local")));
    assert_eq!(told["serving"], json!([{ "timeframe": "1m", "series": ETH }]));
    app.settle().await;
    assert!(count(&app, ETH, CandleState::Final) > 400);
    let app = app.restart().await;
    assert_eq!(item(&app, "/v1/assets", "asset", "ETHUSD").await.unwrap(), told);
    assert_eq!(role(&app, ETH).await, "kept");
    app.clock.advance(TimeDelta::minutes(2));
    let landed = count(&app, ETH, CandleState::Final);
    app.poll(ETH).await.unwrap();
    assert!(count(&app, ETH, CandleState::Final) > landed);
}

#[tokio::test]
async fn the_order_of_the_providers_stays_as_it_is_until_another_is_given() {
    const SETTINGS: &[(&str, &str)] = &[
        ("INGEST__PROVIDERS_OF__BTCUSD", "coinbase,oanda"),
        ("INGEST__PROVIDERS_OF__ETHUSD", "oanda,coinbase"),
    ];
    let app = TestApp::with(Setup { settings: SETTINGS, ..Setup::default() }).await;
    for (asset, said, order) in [
        ("BTCUSD", json!({}), json!(["coinbase", "oanda"])),
        ("BTCUSD", json!({ "providers": ["coinbase"] }), json!(["coinbase"])),
        ("BTCUSD", json!({}), json!(["coinbase"])),
        ("BTCUSD", json!({ "providers": null }), json!(["coinbase", "oanda"])),
        ("ETHUSD", json!({}), json!(["oanda", "coinbase"])),
        ("SOLUSD", json!({}), json!(null)),
        ("SOLUSD", json!({ "providers": null }), json!(null)),
    ] {
        let mut body = json!({ "timeframes": ["1m"], "enabled": true });
        body.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let told = command(&app, "PUT", &format!("/v1/assets/{asset}"), &body).await;
        assert_eq!(told["providers"], order, "{asset} {body}");
    }
}

#[tokio::test]
async fn a_disabled_asset_is_left_alone_and_owes_what_it_missed_when_it_is_enabled_again() {
    let app = TestApp::start().await;
    app.settle().await;
    let path = "/v1/assets/BTCUSD";
    command(&app, "PUT", path, &json!({ "timeframes": ["1m"], "enabled": false })).await;
    app.clock.advance(TimeDelta::hours(1));
    // As if it had been queued before.
    let landed = count(&app, BTC, CandleState::Final);
    app.poll(BTC).await.unwrap();
    app.fill(BTC).await.unwrap();
    assert_eq!(count(&app, BTC, CandleState::Final), landed, "its turn came too late");
    assert_eq!(role(&app, BTC).await, "disabled");
    let read = app.get(&format!("/v1/candles?series={BTC}&limit=5")).await.ok();
    assert_eq!(read["candles"].as_array().map_or(0, Vec::len), 5, "{read:#}");
    let app = app.restart().await;
    assert_eq!(app.app.live_books().count(), 0, "as decided, not as in the settings");
    let told = command(&app, "PUT", path, &json!({ "timeframes": ["1m"], "enabled": true })).await;
    assert_eq!(told["enabled"], true);
    assert!((55..=60).contains(&count(&app, BTC, CandleState::Pending)));
    app.settle().await;
    let owed = count(&app, BTC, CandleState::Pending) + count(&app, BTC, CandleState::Missing);
    assert_eq!((owed, count(&app, BTC, CandleState::Waived)), (0, 0));
}

#[tokio::test]
async fn what_was_missed_for_longer_than_history_is_wanted_is_not_owed() {
    let app = TestApp::start().await;
    app.settle().await;
    let path = "/v1/assets/BTCUSD";
    command(&app, "PUT", path, &json!({ "timeframes": ["1m"], "enabled": false })).await;
    app.clock.advance(TimeDelta::hours(30));
    command(&app, "PUT", path, &json!({ "timeframes": ["1m"], "enabled": true })).await;
    let pending = count(&app, BTC, CandleState::Pending);
    assert!(
        (8 * 60..=12 * 60).contains(&pending),
        "{pending}: history is 8h, and begins with a 4h"
    );
    let waived = count(&app, BTC, CandleState::Waived);
    assert!((pending + waived - 30 * 60).abs() <= 2, "{pending} owed, {waived} not");
    let app = app.restart().await;
    assert_eq!(count(&app, BTC, CandleState::Waived), waived, "it was remembered");
}

#[tokio::test]
async fn an_asset_that_was_removed_does_not_come_back_with_the_settings() {
    let app = TestApp::start().await;
    app.settle().await;
    let told = command(&app, "DELETE", "/v1/assets/BTCUSD?reason=delisted", &json!({})).await;
    assert_eq!((&told["enabled"], &told["reason"]), (&json!(false), &json!("delisted")));
    let again = super::ask(&app, "DELETE", "/v1/assets/BTCUSD", &json!({})).await;
    assert_eq!(again.0, 404, "{}", again.1);
    let landed = count(&app, BTC, CandleState::Final);
    let app = app.restart().await;
    assert_eq!(app.get("/v1/assets").await.ok()["items"], json!([]));
    assert_eq!(role(&app, BTC).await, "disabled");
    assert_eq!(count(&app, BTC, CandleState::Final), landed, "candles stay");
    command(&app, "PUT", "/v1/assets/BTCUSD", &json!({ "timeframes": ["1m"], "enabled": true }))
        .await;
    assert_eq!(role(&app, BTC).await, "kept");
}

/// The settings are the seed: they are followed until somebody decides otherwise.
#[tokio::test]
async fn what_the_settings_no_longer_name_stays_kept_and_what_they_newly_name_is_added() {
    let app = TestApp::start().await;
    let eth = json!({ "timeframes": ["1h"], "enabled": true });
    command(&app, "PUT", "/v1/assets/ETHUSD", &eth).await;
    let app = restart_with(app, |config| {
        config.ingest.assets = ["ETHUSD", "SOLUSD"].map(|name| name.parse().unwrap()).into();
        config.ingest.timeframes = ["5m".parse().unwrap()].into();
    })
    .await;
    let answer = app.get("/v1/assets").await.ok();
    let kept: Vec<_> = answer["items"].as_array().unwrap().iter().collect();
    let told = |n: usize| (&kept[n]["asset"], &kept[n]["timeframes"], &kept[n]["source"]);
    assert_eq!(kept.len(), 3);
    assert_eq!(told(0), (&json!("BTCUSD"), &json!(["1m"]), &json!("config")));
    assert_eq!(told(1), (&json!("ETHUSD"), &json!(["1h"]), &json!("api")));
    assert_eq!(told(2), (&json!("SOLUSD"), &json!(["5m"]), &json!("config")));
    let app = restart_with(app, |config| {
        config.ingest.timeframes = ["15m", "1m"].map(|name| name.parse().unwrap()).into();
    })
    .await;
    let sol = item(&app, "/v1/assets", "asset", "SOLUSD").await.unwrap();
    assert_eq!(sol["timeframes"], json!(["1m", "15m"]), "nobody has said otherwise");
}

#[tokio::test]
async fn t75_series_that_are_no_longer_kept_disappear_from_the_metrics() {
    let app = TestApp::with(Setup { assets: "BTCUSD,ETHUSD", ..Setup::default() }).await;
    assert_eq!(metric(&app, "barkeep_series").await, 2.0);
    let owed = metric(&app, "barkeep_candles_owed").await;
    command(&app, "DELETE", "/v1/assets/ETHUSD", &json!({})).await;
    assert_eq!(metric(&app, "barkeep_series").await, 1.0);
    assert_eq!(metric(&app, "barkeep_candles_owed").await, owed / 2.0);
    let text = app.get("/metrics").await.text().to_owned();
    assert!(!text.contains("ETHUSD") && !text.contains("BTCUSD"), "labels name no asset");
}

#[tokio::test]
async fn a_timeframe_can_be_dropped_and_another_provider_preferred() {
    let settings = &[
        ("INGEST__PROVIDERS", "alpha_vantage,coinbase"),
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
    ];
    let app = TestApp::with(Setup { timeframes: "1m,5m", settings, ..Setup::default() }).await;
    let preferred = "alpha_vantage/BTCUSD/1m";
    assert_eq!(role(&app, preferred).await, "kept");
    let wanted = json!({ "timeframes": ["1m"], "providers": ["coinbase"], "enabled": true });
    let told = command(&app, "PUT", "/v1/assets/BTCUSD", &wanted).await;
    assert_eq!(told["serving"][0]["series"], BTC);
    assert_eq!(
        (role(&app, preferred).await, role(&app, BTC).await),
        ("disabled".into(), "kept".into())
    );
    assert_eq!(role(&app, "alpha_vantage/BTCUSD/5m").await, "disabled");
    app.settle().await;
    assert!(count(&app, BTC, CandleState::Final) > 400);
    take_queued(&app);
    app.app.queue.enqueue(poll(preferred));
    assert_eq!(take_queued(&app), [poll(preferred)]);
    app.poll(preferred).await.unwrap();
    assert_eq!(count(&app, preferred, CandleState::Final), 0, "nobody is asked");
}
