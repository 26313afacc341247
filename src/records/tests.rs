//! The shapes of records, one by one, and what is refused.

use serde_json::{Value, json};

use super::*;
use crate::market::{Action, Decision, Execution, Side, Status};

const NOW: &str = "2026-03-01T00:00:00Z";

fn judged(kind: RecordKind, document: &Value) -> Result<Judged, Fault> {
    judge(kind, document.to_string().as_bytes(), NOW.parse().unwrap())
}

fn decision(document: &Value) -> Decision {
    match judged(RecordKind::Decision, document).unwrap().record {
        Record::Decision(decision) => decision,
        Record::Execution(trade) => panic!("{trade:?}"),
    }
}

fn execution(document: &Value) -> (Execution, Vec<&'static str>) {
    let Judged { record, warnings } = judged(RecordKind::Execution, document).unwrap();
    match record {
        Record::Execution(trade) => (trade, warnings),
        Record::Decision(decision) => panic!("{decision:?}"),
    }
}

/// `document` with that field, or without it where it is null.
fn with(document: &Value, (field, value): (&str, Value)) -> Value {
    let mut document = document.clone();
    document[field] = value;
    document
}

fn old_decision() -> Value {
    json!({
        "id": "d1", "asset_pair": "BIP20DEC30CDE", "timestamp": "2025-12-24T18:42:04.267404",
        "action": "buy", "confidence": 72.6, "suggested_amount": 0.5, "ai_provider": "ensemble",
        "market_data": {"close": 100.0},
    })
}

fn trade() -> Value {
    json!({
        "trade_id": "t1", "product": "ETH-USD", "side": "SELL", "entry_time": "2026-02-14T10:00:00+01:00",
        "entry_price": "3500.00", "entry_size": "0.02", "exit_time": "2026-02-14T10:00:00Z",
        "exit_price": "3400.00", "exit_size": "0.01", "realized_pnl": "0.9", "fees": "0.1",
    })
}

#[test]
fn a_decision_is_read_in_its_old_shape_and_in_that_of_the_table() {
    let old = decision(&old_decision());
    assert_eq!((old.id.as_str(), old.asset.as_str(), old.confidence), ("d1", "BTCUSD", 73));
    assert_eq!((old.action, old.position_size), (Action::Buy, Some(0.5)));
    assert_eq!(old.at, "2025-12-24T18:42:04.267404Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(old.market.as_deref(), Some(r#"{"close":100.0}"#));
    let new = decision(&json!({
        "decision_id": "d1", "id": "other", "asset_pair": "BTC-USD", "action": "NO_DECISION",
        "timestamp": "2025-12-24T18:42:04.267404+00:00", "confidence": 0, "position_size": "2",
        "provider_name": "ensemble", "decision_mode": "exploitation", "entry_price": null,
    }));
    assert_eq!(
        (new.id, new.asset, new.at, new.provider),
        (old.id, old.asset, old.at, old.provider)
    );
    assert_eq!(
        (new.action, new.entry_price, new.position_size),
        (Action::NoDecision, None, Some(2.0))
    );
}

#[test]
fn a_trade_is_read_as_each_recorder_writes_it() {
    let (recorded, warnings) = execution(&trade());
    assert_eq!((recorded.asset.as_str(), recorded.side), ("ETHUSD", Side::Short));
    assert_eq!((recorded.quantity.to_string(), recorded.status), ("0.01".into(), Status::Closed));
    assert_eq!((recorded.platform.as_str(), warnings), ("unknown", vec![]));
    let outcome = json!({
        "decision_id": "d1", "asset_pair": "BTCUSD", "action": "BUY", "entry_price": 50000,
        "entry_timestamp": "2025-11-12T19:23:54", "exit_timestamp": "2025-11-13T19:23:54",
        "exit_price": 52000, "position_size": 0.1, "realized_pnl": 200.0,
    });
    let (remembered, warnings) = execution(&outcome);
    assert_eq!((remembered.trade_id.as_str(), warnings), ("d1", vec![]));
    assert_eq!(remembered.decision_id.as_deref(), Some("d1"));
    let (_, warnings) = execution(&with(&outcome, ("realized_pnl", json!(-200.0))));
    assert_eq!(warnings, [PROFIT_ADDS_UP]);
    let part = with(&with(&trade(), ("trade_id", Value::Null)), ("order_id", json!("o1")));
    assert_eq!(execution(&part).0.trade_id, "o1/2026-02-14T10:00:00Z/0.01");
    let open = json!({
        "trade_id": 7, "asset_pair": "EURUSD", "platform": "Oanda", "side": "LONG", "quantity": 1,
        "entry_time": "2026-02-14T10:00:00Z", "status": "PENDING",
    });
    let (open, _) = execution(&open);
    assert_eq!((open.trade_id.as_str(), open.platform.as_str()), ("7", "oanda"));
    assert_eq!((open.status, open.exit_time), (Status::Pending, None));
}

#[test]
fn every_digit_of_an_amount_is_kept_also_of_a_number() {
    let document = r#"{"trade_id":"t","asset_pair":"BTCUSD","side":"LONG","entry_time":"2026-01-01T00:00:00Z",
        "quantity":12345678901234567890123456.123456789012,"fees":"0E-30"}"#;
    let judged = judge(RecordKind::Execution, document.as_bytes(), NOW.parse().unwrap()).unwrap();
    let Record::Execution(trade) = judged.record else { panic!("{judged:?}") };
    assert_eq!(trade.quantity.to_string(), "12345678901234567890123456.123456789012");
    assert_eq!(trade.fees.unwrap().mantissa(), 0);
}

#[test]
fn what_is_refused_names_the_field_and_the_fix() {
    let of_decision = [
        ("id", Value::Null, "key_present"),
        ("id", json!(""), "key_present"),
        ("asset_pair", json!("BTC USD"), "known_asset"),
        ("asset_pair", json!("XYZ-20DEC30-CDE"), "known_asset"),
        ("asset_pair", Value::Null, "known_asset"),
        ("timestamp", Value::Null, "timestamp_present"),
        ("timestamp", json!("yesterday"), "readable_field"),
        ("timestamp", json!("2026-03-01T01:00:00Z"), "not_in_future"),
        ("action", json!("WAIT"), "known_word"),
        ("action", json!({}), "readable_field"),
        ("confidence", json!(101), "confidence_in_range"),
        ("confidence", json!(-1), "confidence_in_range"),
        ("confidence", json!(0.75), "confidence_in_range"),
        ("confidence", json!("NaN"), "readable_field"),
        ("entry_price", json!(0), "positive_price"),
        ("position_size", json!(-1), "positive_quantity"),
    ];
    let of_trade = [
        ("trade_id", Value::Null, "key_present"),
        ("side", json!("UP"), "known_word"),
        ("side", Value::Null, "known_word"),
        ("status", json!("open"), "known_word"),
        ("platform", json!("../x"), "known_word"),
        ("entry_time", Value::Null, "timestamp_present"),
        ("exit_time", json!("2026-02-13T00:00:00Z"), "exit_not_before_entry"),
        ("exit_price", Value::Null, "exit_of_closed"),
        ("exit_price", json!("-1"), "positive_price"),
        ("exit_size", json!("0"), "positive_quantity"),
        ("exit_size", json!("1e-13"), "positive_quantity"),
        ("fees", json!("1,5"), "readable_field"),
        ("fees", json!("1e30"), "readable_field"),
    ];
    let of_decision = of_decision.map(|change| (RecordKind::Decision, old_decision(), change));
    let of_trade = of_trade.map(|change| (RecordKind::Execution, trade(), change));
    for (kind, document, (field, value, expectation)) in of_decision.into_iter().chain(of_trade) {
        let changed = with(&document, (field, value));
        let fault = judged(kind, &changed).unwrap_err();
        assert_eq!(fault.expectation, expectation, "{changed}: {fault}");
        let is_named =
            fault.field == field || (field, fault.field.as_str()) == ("id", "decision_id");
        assert!(is_named && !fault.fix.is_empty(), "{fault}");
        assert!(REASONS.contains(&expectation));
    }
    for bad in ["", "1", "[]", "{", "\"text\""] {
        let fault = judge(RecordKind::Decision, bad.as_bytes(), NOW.parse().unwrap()).unwrap_err();
        assert_eq!(fault.expectation, "readable", "{bad}");
    }
}
