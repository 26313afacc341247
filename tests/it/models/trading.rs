//! What is made of decisions and trades: against figures that were worked out by hand.

use serde_json::{Value, json};

use super::Stage;
use crate::support::test_app::{Setup, seconds};

async fn stage() -> Stage {
    let setup = Setup {
        timeframes: "1h",
        history: "5d",
        settings: &[("TRADING__MAX_DRAWDOWN", "0.005")],
        ..Setup::default()
    };
    let stage = Stage::with(setup, &[]).await;
    stage.app.settle().await;
    stage
}

fn decisions() -> Value {
    json!([
        {
            "id": "d1", "asset_pair": "BTCUSD", "timestamp": "2024-03-04T09:55:00Z", "action": "BUY",
            "confidence": 80, "ai_provider": "ensemble", "stop_loss_price": 49_000.0,
            "ensemble_metadata": {
                "voting_strategy": "weighted", "fallback_tier": "weighted", "agreement_score": 0.75,
                "confidence_variance": 4.0, "failure_rate": 0.25,
            },
            "execution_result": { "latency_seconds": 1.5 },
        },
        {
            "id": "d2", "asset_pair": "BTCUSD", "timestamp": "2024-03-05T07:30:00Z", "action": "SELL",
            "confidence": 60, "ai_provider": "local", "stop_loss_price": 50_900.0,
            "ensemble_metadata": { "debate_mode": true, "agreement_score": 1.0 },
        },
        {
            "id": "d3", "asset_pair": "BTCUSD", "timestamp": "2024-03-06T11:30:00Z", "action": "HOLD",
            "confidence": 40, "ai_provider": "local",
        },
    ])
}

fn trades() -> Value {
    json!([
        {
            "trade_id": "t1", "decision_id": "d1", "asset_pair": "BTCUSD", "platform": "coinbase",
            "side": "LONG", "quantity": "0.1", "entry_price": "50000", "exit_price": "52000",
            "fees": "10", "entry_time": "2024-03-04T10:00:00Z", "exit_time": "2024-03-04T14:00:00Z",
        },
        {
            "trade_id": "t2", "decision_id": "d2", "asset_pair": "BTCUSD", "platform": "coinbase",
            "side": "SHORT", "quantity": "0.1", "entry_price": "50000", "exit_price": "51000",
            "realized_pnl": "-100", "entry_time": "2024-03-05T08:00:00Z",
            "exit_time": "2024-03-05T20:00:00Z",
        },
        {
            "trade_id": "t3", "asset_pair": "EURUSD", "platform": "oanda", "side": "LONG",
            "quantity": "1000", "entry_price": "1.1", "entry_time": "2024-03-05T09:00:00Z",
            "status": "filled",
        },
    ])
}

async fn traded() -> Stage {
    let stage = stage().await;
    for (table, documents) in [("decisions", decisions()), ("executions", trades())] {
        for document in documents.as_array().unwrap() {
            let landed = stage.app.post(&format!("/v1/ingest/{table}"), document).await.ok();
            assert_eq!(landed["landed"], 1, "{landed}");
        }
    }
    stage.build().await;
    stage
}

fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!((value - expected).abs() < 1e-9 * expected.abs().max(1.0), "{value} {expected}");
}

#[tokio::test]
async fn without_a_trade_every_table_is_there_and_empty() {
    let stage = stage().await;
    stage.build().await;
    for model in stage.app.app.models.all() {
        let is_of_candles = model.name.as_str().starts_with("silver.market_data")
            || model.name.as_str() == "silver.market_regime"
            || model.name.as_str() == "gold.mart_data_quality";
        let rows = stage.one(&format!("select count(*) as n from {}", model.name)).await;
        assert_eq!(rows["n"].as_i64().unwrap() > 0, is_of_candles, "{}: {rows}", model.name);
    }
}

#[tokio::test]
async fn a_trade_is_told_from_its_entry_to_its_outcome() {
    let stage = traded().await;
    let rows = stage.sql("select * from silver.trade_lifecycle order by trade_id").await;
    let [t1, t2, t3] = rows.as_slice() else { panic!("{rows:?}") };
    near(&t1["gross_pnl"], 200.0);
    near(&t1["net_pnl"], 190.0);
    near(&t1["roi_percent"], 3.8);
    near(&t1["holding_seconds"], 14_400.0);
    assert_eq!([&t1["hit_stop_loss"], &t1["confidence"]], [&json!(false), &json!(80)]);
    assert_eq!([&t1["provider_name"], &t1["doubt"]], [&json!("ensemble"), &Value::Null]);
    assert!(t1["regime_at_entry"].is_string(), "{t1}");
    near(&t2["net_pnl"], -100.0);
    assert_eq!([&t2["hit_stop_loss"], &t2["status"]], [&json!(true), &json!("closed")]);
    assert_eq!([&t3["net_pnl"], &t3["status"]], [&Value::Null, &json!("filled")]);
    assert_eq!(t3["regime_at_entry"], Value::Null, "nothing is known of that market");
}

#[tokio::test]
async fn a_decision_has_the_market_of_then_and_what_came_of_it() {
    let stage = traded().await;
    let history = "select * from silver.decision_history order by timestamp";
    let rows = stage.sql(history).await;
    let [d1, d2, d3] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(d1["market_timestamp"], "2024-03-04T08:00:00Z", "the hour to 10 was not over");
    assert_eq!(d1["market_is_hindsight"], true, "it was received days later");
    let close = "select close from silver.market_data where timestamp = '2024-03-04T08:00:00Z'";
    assert_eq!(d1["market_close"], stage.one(close).await["close"]);
    assert_eq!([&d1["strategy"], &d2["strategy"]], [&json!("voting"), &json!("debate")]);
    assert_eq!([&d3["strategy"], &d3["was_executed"]], [&json!("single"), &json!(false)]);
    near(&d1["net_pnl"], 190.0);
    near(&d1["roi_percent"], 3.8);
    assert_eq!([&d1["was_profitable"], &d2["was_profitable"]], [&json!(true), &json!(false)]);
    assert_eq!([&d3["was_profitable"], &d3["outcome_at"]], [&Value::Null, &Value::Null]);
    assert_eq!(d2["outcome_at"], "2024-03-05T20:00:00Z");

    // Of a decision of now the market was known.
    stage.app.clock.advance(seconds(3_700));
    stage.app.poll("coinbase/BTCUSD/1h").await.unwrap();
    let now = stage.app.app.clock.now();
    let d4 = json!({
        "id": "d4", "asset_pair": "BTCUSD", "timestamp": now, "action": "HOLD", "confidence": 50,
    });
    stage.app.post("/v1/ingest/decisions", &d4).await.ok();
    stage.build().await;
    let rows = stage.sql(history).await;
    assert_eq!(rows[3]["market_timestamp"], "2024-03-06T12:00:00Z");
    assert_eq!(rows[3]["market_is_hindsight"], false, "{}", rows[3]);
}

#[tokio::test]
async fn the_account_adds_up_from_hour_to_hour() {
    let stage = traded().await;
    let hours =
        "select * from silver.portfolio_snapshots where platform = 'all' order by timestamp";
    let rows = stage.sql(hours).await;
    let of = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    let ends =
        ["2024-03-04T11", "2024-03-04T15", "2024-03-05T09", "2024-03-05T10", "2024-03-05T21"];
    assert_eq!(of("timestamp"), ends.map(|end| json!(format!("{end}:00:00Z"))));
    let equities = [10_000.0, 10_190.0, 10_190.0, 10_190.0, 10_090.0];
    assert_eq!(of("equity"), equities.map(|equity| json!(equity)));
    assert_eq!(of("open_positions"), [1, 0, 1, 2, 1].map(|n| json!(n)));
    near(&rows[4]["drawdown"], 100.0 / 10_190.0);
    near(&rows[4]["open_notional"], 1_100.0);

    let events = "select event_id, value, limit_value from silver.risk_events order by event_id";
    let events = stage.sql(events).await;
    let ids: Vec<_> = events.iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(
        ids,
        [
            "drawdown/all/2024-03-05T21:00:00Z",
            "drawdown/coinbase/2024-03-05T21:00:00Z",
            "stop_loss/t2"
        ]
    );
    near(&events[0]["value"], 100.0 / 10_190.0);
    near(&events[0]["limit_value"], 0.005);

    let days =
        "select * from gold.mart_daily_portfolio_summary where platform = 'all' order by day";
    let rows = stage.sql(days).await;
    let [first, second] = rows.as_slice() else { panic!("{rows:?}") };
    near(&first["equity_start"], 10_000.0);
    near(&first["equity_end"], 10_190.0);
    near(&first["fees"], 10.0);
    near(&second["net_pnl"], -100.0);
    near(&second["worst_trade"], -100.0);
    assert_eq!([&second["trades_opened"], &second["trades_closed"]], [&json!(2), &json!(1)]);
}

#[tokio::test]
async fn performance_is_measured_by_day_and_over_all() {
    let stage = traded().await;
    let of = async |period: &str, platform: &str| {
        let query = format!(
            "select * from gold.mart_trading_performance where period = '{period}' and \
             asset_pair = 'all' and platform = '{platform}'"
        );
        stage.one(&query).await
    };
    let all = of("all", "all").await;
    assert_eq!(
        [&all["trades"], &all["wins"], &all["losses"]],
        [2, 1, 1].map(|n| json!(n)).each_ref()
    );
    near(&all["win_rate"], 0.5);
    near(&all["profit_factor"], 1.9);
    near(&all["expectancy"], 45.0);
    near(&all["exposure_hours"], 16.0);
    let (one, two) = (0.019, -100.0 / 10_190.0);
    let deviation = (one - two) / 2_f64.sqrt();
    near(&all["sharpe"], f64::midpoint(one, two) / deviation * 365_f64.sqrt());
    near(&all["sortino"], f64::midpoint(one, two) / (two * two / 2.0).sqrt() * 365_f64.sqrt());
    near(&all["max_drawdown"], 100.0 / 10_190.0);
    assert_eq!(all["drawdown_days"], 1);
    assert_eq!(of("all", "coinbase").await["sharpe"], all["sharpe"]);
    let day = of("2024-03-04", "all").await;
    near(&day["net_pnl"], 190.0);
    assert_eq!([&day["profit_factor"], &day["sharpe"]], [&Value::Null, &Value::Null]);
}

#[tokio::test]
async fn providers_and_ways_of_deciding_are_held_to_their_outcomes() {
    let stage = traded().await;
    let query = "select * from gold.mart_provider_attribution where asset_pair = 'all' and \
         regime = 'all' order by provider_name";
    let rows = stage.sql(query).await;
    let [ensemble, local] = rows.as_slice() else { panic!("{rows:?}") };
    near(&ensemble["brier"], 0.04);
    near(&ensemble["win_rate"], 1.0);
    near(&local["brier"], 0.36);
    assert_eq!(
        [&local["decisions"], &local["signals"], &local["outcomes"]],
        [2, 1, 1].map(|n| json!(n)).each_ref()
    );
    near(&local["average_confidence"], 50.0);

    let ways = "select * from gold.mart_ensemble_effectiveness order by strategy";
    let ways = stage.sql(ways).await;
    let [debate, single, voting] = ways.as_slice() else { panic!("{ways:?}") };
    assert_eq!(debate["agreement"], Value::Null, "a debate never says how far it agreed");
    near(&voting["agreement"], 0.75);
    near(&voting["latency_seconds"], 1.5);
    assert_eq!([&single["acted_on"], &single["win_rate"]], [&json!(0), &Value::Null]);

    let regimes = "select sum(trades) as n, sum(net_pnl) as pnl from gold.mart_market_regime_stats \
         where asset_pair = 'all'";
    let regimes = stage.one(regimes).await;
    assert_eq!(regimes["n"], 2);
    near(&regimes["pnl"], 90.0);

    let risk = "select * from gold.mart_risk_utilization order by day desc limit 1";
    let risk = stage.one(risk).await;
    assert_eq!(risk["day"], "2024-03-05");
    near(&risk["drawdown_used"], 100.0 / 10_190.0 / 0.005);
    assert_eq!(risk["largest_position"], "BTCUSD");
    near(&risk["largest_position_share"], 5_000.0 / 10_090.0);
    assert_eq!(risk["var_95"], Value::Null, "of two days nothing can be said");
}

#[tokio::test]
async fn what_is_said_later_of_a_trade_changes_what_follows_from_it() {
    let stage = traded().await;
    let closed = json!({
        "trade_id": "t3", "asset_pair": "EURUSD", "platform": "oanda", "side": "LONG",
        "quantity": "1000", "entry_price": "1.1", "entry_time": "2024-03-05T09:00:00Z",
        "exit_price": "1.1", "exit_time": "2024-03-06T09:00:00Z",
    });
    stage.app.post("/v1/ingest/executions", &closed).await.ok();
    stage.build().await;
    let t3 = stage.one("select * from silver.trade_lifecycle where trade_id = 't3'").await;
    assert_eq!(
        [&t3["status"], &t3["doubt"]],
        [&json!("closed"), &json!("left at the price of its entry")]
    );
    let last = "select open_positions from silver.portfolio_snapshots where platform = 'all' \
         order by timestamp desc limit 1";
    assert_eq!(stage.one(last).await["open_positions"], 0);
    let whole = stage.sql("select * from gold.mart_trading_performance order by 1, 2, 3").await;
    stage.rebuild("gold.mart_trading_performance").await.unwrap();
    let again = stage.sql("select * from gold.mart_trading_performance order by 1, 2, 3").await;
    assert_eq!(whole, again);
}
