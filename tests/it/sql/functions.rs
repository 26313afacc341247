//! Indicators and measures over the candles of a lake, asked for over HTTP.

use super::{cell, refused, rows};
use crate::support::test_app::TestApp;

#[tokio::test]
async fn indicators_are_asked_for_like_any_column() {
    let app = TestApp::start().await;
    app.settle().await;
    let query = "select close, sma(close, 3) over w as mean, macd(close, 2, 3, 2) over w as macd, \
                 (macd(close, 2, 3, 2) over w)['line'] as line, \
                 (ichimoku(high, low, close, 2, 3, 4) over w)['is_price_above_cloud'] as above \
                 from raw_market_data_1m where asset_pair = 'BTCUSD' \
                 window w as (partition by asset_pair order by timestamp) order by timestamp limit 40";
    let rows = rows(&app, query).await;
    let close = |at: usize| rows[at]["close"].as_f64().unwrap();
    let mean = (close(37) + close(38) + close(39)) / 3.0;
    assert!((rows[39]["mean"].as_f64().unwrap() - mean).abs() < 1e-9 * mean);
    assert!(rows[1]["mean"].is_null() && rows[0]["above"].is_null());
    assert!(rows[39]["line"].is_f64() && rows[39]["line"] == rows[39]["macd"]["line"]);
    assert!(rows[39]["above"].is_boolean());
}

#[tokio::test]
async fn measures_are_asked_for_like_any_sum() {
    let app = TestApp::start().await;
    app.settle().await;
    let of = "from raw_market_data_1m where asset_pair = 'BTCUSD'";
    let deepest = cell(&app, &format!("select max_drawdown(close order by timestamp) {of}")).await;
    let by_hand = format!(
        "select max((peak - close) / peak) from (select close, max(close) over (order by timestamp) \
         as peak {of})"
    );
    assert_eq!(deepest, cell(&app, &by_hand).await);
    assert!(deepest.as_f64().unwrap() > 0.0);
    let nothing = format!("select sharpe(close, 365) {of} and close < 0");
    assert!(cell(&app, &nothing).await.is_null());
}

#[tokio::test]
async fn a_wrong_call_is_the_fault_of_the_query() {
    let app = TestApp::start().await;
    app.settle().await;
    for (call, why) in [
        (
            "rsi(close, 0) over (order by timestamp)",
            "n of rsi must be a whole number from 1 to 10000",
        ),
        ("max_drawdown(close)", "max_drawdown(equity order by timestamp)"),
        ("sortino(close, -1)", "periods_per_year of sortino must be a number above 0"),
    ] {
        let said = refused(&app, &format!("select {call} from raw_market_data_1m")).await;
        assert!(said.contains(why), "{said}");
    }
}
