//! A decision, in the shapes of three generations of the trading engine.

use chrono::{DateTime, Utc};

use super::{Fault, Judged, fields::Fields};
use crate::market::{Decision, Record};

pub(super) fn read(fields: &Fields, latest: DateTime<Utc>) -> Result<Judged, Fault> {
    let missing = |expectation, field, fix| Fault::new(expectation, field, "it is missing", fix);
    let id = fields.key(&["decision_id", "id"])?;
    let at = fields.instant(&["timestamp"], latest)?;
    let action = fields.word(&["action"])?;
    let decision = Decision {
        id: id
            .ok_or_else(|| missing("key_present", "decision_id", "give every decision its own"))?,
        asset: fields.asset(&["asset_pair"])?,
        at: at
            .ok_or_else(|| missing("timestamp_present", "timestamp", "say when it was decided"))?,
        action: action.ok_or_else(|| missing("known_word", "action", "write BUY, SELL or HOLD"))?,
        confidence: confidence(fields)?,
        reasoning: fields.text(&["reasoning"])?,
        provider: fields.text(&["provider_name", "ai_provider"])?,
        mode: fields.text(&["decision_mode"])?,
        entry_price: fields.price(&["entry_price"])?.map(crate::market::Money::approximate),
        position_size: position_size(fields)?,
        ensemble: fields.json(&["ensemble_metadata"]),
        market: fields.json(&["market_context", "market_data"]),
    };
    Ok(Judged { record: Record::Decision(decision), warnings: Vec::new() })
}

/// Every engine so far has counted percent. What lies between 0 and 1 is taken for a mistake rather
/// than for a fraction, because 1 would be both.
fn confidence(fields: &Fields) -> Result<i32, Fault> {
    let refused =
        |name, reason, fix: &str| Err(Fault::new("confidence_in_range", name, reason, fix));
    match fields.number(&["confidence"])? {
        None => refused("confidence", "it is missing".to_owned(), "write 0 to 100"),
        Some((name, share)) if share > 0.0 && share < 1.0 => {
            let fix = format!("write percent: {}", (share * 100.0).round());
            refused(name, format!("{share} looks like a fraction"), &fix)
        }
        Some((name, percent)) if !(0.0..=100.0).contains(&percent) => {
            refused(name, format!("{percent} is not from 0 to 100"), "write percent, 0 to 100")
        }
        Some((_, percent)) => Ok(whole(percent)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is from 0 to 100")]
fn whole(percent: f64) -> i32 {
    percent.round() as i32
}

/// What was to be held comes before what was suggested.
fn position_size(fields: &Fields) -> Result<Option<f64>, Fault> {
    let names = ["position_size", "recommended_position_size", "suggested_amount", "amount"];
    match fields.number(&names)? {
        Some((name, size)) if size < 0.0 => {
            let fix = "write how much, and the direction as action";
            Err(Fault::new("positive_quantity", name, format!("{size} is below 0"), fix))
        }
        size => Ok(size.map(|(_, size)| size)),
    }
}
