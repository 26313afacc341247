//! `GET /v1/series` and `GET /v1/watermarks`.

use insta::assert_json_snapshot;
use serde_json::json;

use super::{assert_refused, instant, items};
use crate::support::test_app::{Setup, TestApp};

async fn two_assets() -> TestApp {
    let setup = Setup { assets: "BTCUSD,ETHUSD", timeframes: "1m,1h,4h", ..Setup::default() };
    TestApp::with(setup).await
}

#[tokio::test]
async fn a_series_tells_what_is_kept_and_how_complete_it_is() {
    let app = two_assets().await;
    app.settle().await;
    assert_json_snapshot!(app.get("/v1/series?asset=BTCUSD").await.ok());
    assert_json_snapshot!(app.get("/v1/watermarks").await.ok());
}

#[tokio::test]
async fn a_series_that_was_never_fetched_owes_everything() {
    let app = TestApp::start().await;
    assert_json_snapshot!(app.get("/v1/series").await.ok());
    let watermarks = app.get("/v1/watermarks").await.ok();
    assert_eq!(items(&watermarks, "items")[0]["watermark"], "2024-03-06T04:00:00Z");
}

#[tokio::test]
async fn filters_narrow_the_list_and_any_spelling_of_an_asset_will_do() {
    let app = two_assets().await;
    let cases = [
        ("", 6),
        ("?asset=eth-usd", 3),
        ("?asset=BTC/USD&timeframe=4h", 1),
        ("?timeframe=1m", 2),
        ("?provider=coinbase", 6),
        ("?provider=oanda", 0),
        ("?asset=NOSUCHCOIN", 0),
        ("?timeframe=1d", 0),
    ];
    for route in ["/v1/series", "/v1/watermarks", "/v1/freshness"] {
        for (query, count) in cases {
            let list = app.get(&format!("{route}{query}")).await.ok();
            assert_eq!(items(&list, "items").len(), count, "{route}{query}");
        }
    }
}

#[tokio::test]
async fn the_states_of_a_series_add_up_to_its_candles() {
    let app = two_assets().await;
    app.settle().await;
    let list = app.get("/v1/series").await.ok();
    for series in items(&list, "items") {
        let states = series["candles"].as_object().unwrap();
        let counted: i64 = states.values().map(|count| count.as_i64().unwrap()).sum();
        let name: barkeep::market::Series = series["series"].as_str().unwrap().parse().unwrap();
        let since_origin = app.due(&name) - instant(&series["origin"]);
        assert_eq!(counted, since_origin.num_seconds() / name.timeframe.seconds(), "{series}");
    }
}

#[tokio::test]
async fn a_series_that_cannot_be_fetched_says_why() {
    let settings = &[("PROVIDERS__COINBASE__RETRIES", "0")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    app.set_faults(&["server_error=1"]);
    app.poll("coinbase/BTCUSD/1m").await.unwrap_err();
    app.fill("coinbase/BTCUSD/1m").await.unwrap_err();
    let list = app.get("/v1/series").await.ok();
    assert_json_snapshot!(items(&list, "items")[0]["trouble"]);
    app.set_faults(&[]);
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    let list = app.get("/v1/series").await.ok();
    assert_eq!(items(&list, "items")[0].get("trouble"), None, "it has recovered");
}

#[tokio::test]
async fn a_step_back_of_the_clock_is_survived() {
    let app = TestApp::start().await;
    app.settle().await;
    app.clock.set("2024-03-05T00:00:00Z".parse().unwrap());
    let list = app.get("/v1/series").await.ok();
    assert_eq!(items(&list, "items")[0]["last_candle"], json!(null));
    let watermarks = app.get("/v1/watermarks").await.ok();
    assert_eq!(items(&watermarks, "items")[0]["watermark"], "2024-03-06T04:00:00Z");
}

#[tokio::test]
async fn every_wrong_filter_is_refused_by_name() {
    let app = TestApp::start().await;
    let cases = [
        ("asset=", "asset"),
        ("asset=%20", "asset"),
        ("asset=BTC%00USD", "asset"),
        ("asset=%FF%FE", "asset"),
        ("asset=%zz", "asset"),
        ("asset=../../etc/passwd", "asset"),
        ("asset=BTCUSD%0d%0aSet-Cookie:x", "asset"),
        ("asset=%F0%9F%8D%BA", "asset"),
        ("asset=BTCUSD&asset=ETHUSD", "asset"),
        ("timeframe=", "timeframe"),
        ("timeframe=1M", "timeframe"),
        ("timeframe=60", "timeframe"),
        ("timeframe=-1m", "timeframe"),
        ("timeframe=1m&timeframe=1m", "timeframe"),
        ("provider=", "provider"),
        ("provider=Coinbase", "provider"),
        ("provider=coin%2Fbase", "provider"),
        ("provider=a&provider=b", "provider"),
        ("limit=1", "limit"),
        ("Asset=BTCUSD", "Asset"),
        ("=", ""),
        ("timeframe", "timeframe"),
        ("%FF=1", "\u{fffd}"),
    ];
    for route in ["/v1/series", "/v1/watermarks", "/v1/freshness"] {
        assert_refused(&app, &format!("{route}?"), &cases).await;
    }
}
