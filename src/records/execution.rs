//! A trade, as its recorder, its tracker or the memory of its outcome has written it down.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Fault, Judged, PROFIT_ADDS_UP, fields::Fields};
use crate::market::{Execution, Money, Record, Side, Status};

const EXIT_TIME: [&str; 2] = ["exit_time", "exit_timestamp"];

/// By so much of what was traded a profit may differ from what its prices give: fees are not always told.
const TOLERANCE: f64 = 0.001;
/// And by a cent, which was rounded.
const CENT: f64 = 0.01;

pub(super) fn read(fields: &Fields, latest: DateTime<Utc>) -> Result<Judged, Fault> {
    let entry_names = ["entry_time", "entry_timestamp", "timestamp"];
    let entry_time = fields.instant(&entry_names, latest)?.ok_or_else(|| {
        Fault::new("timestamp_present", "entry_time", "it is missing", "say when it was entered")
    })?;
    let exit_time = fields.instant(&EXIT_TIME, latest)?;
    if exit_time.is_some_and(|exit| exit < entry_time) {
        let reason = format!("it is before {entry_time}, when the trade was entered");
        let fix = "give both in the same zone";
        return Err(Fault::new("exit_not_before_entry", "exit_time", reason, fix));
    }
    let quantity = quantity(fields)?;
    let side = fields.word(&["side", "action"])?;
    let (exit_price, status) = (fields.price(&["exit_price"])?, status(fields, exit_time)?);
    if status == Status::Closed && (exit_price.is_none() || exit_time.is_none()) {
        let field = if exit_price.is_none() { "exit_price" } else { "exit_time" };
        let fix = "say how the trade was closed, or give another status";
        return Err(Fault::new("exit_of_closed", field, "it is missing", fix));
    }
    let trade = Execution {
        trade_id: trade_id(fields, (exit_time, quantity))?,
        decision_id: fields.text(&["decision_id"])?,
        asset: fields.asset(&["asset_pair", "product_id", "product"])?,
        platform: platform(fields)?,
        side: side.ok_or_else(|| {
            Fault::new("known_word", "side", "it is missing", "write LONG or SHORT")
        })?,
        order_type: fields.text(&["order_type"])?,
        quantity,
        entry_price: fields.price(&["entry_price"])?,
        exit_price,
        fees: fields.money(&["fees", "fee"])?.map(|(_, fees)| fees),
        realized_pnl: fields.money(&["realized_pnl"])?.map(|(_, profit)| profit),
        entry_time,
        exit_time,
        status,
    };
    let warnings = if profit_adds_up(&trade) { Vec::new() } else { vec![PROFIT_ADDS_UP] };
    Ok(Judged { record: Record::Execution(trade), warnings })
}

/// An order that is reduced in parts has a trade for each of them; an outcome is told by its decision.
fn trade_id(
    fields: &Fields,
    (exit_time, quantity): (Option<DateTime<Utc>>, Money),
) -> Result<String, Fault> {
    if let Some(trade) = fields.key(&["trade_id"])? {
        return Ok(trade);
    }
    if let Some(order) = fields.key(&["order_id"])? {
        let Some(exit) = exit_time else { return Ok(order) };
        let exit = exit.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        return Ok(format!("{order}/{exit}/{quantity}"));
    }
    let of_outcome = if fields.has(&EXIT_TIME) { fields.key(&["decision_id"])? } else { None };
    of_outcome.ok_or_else(|| {
        Fault::new("key_present", "trade_id", "it is missing", "give every trade its own")
    })
}

/// What was given up counts where it is less than what was held.
fn quantity(fields: &Fields) -> Result<Money, Fault> {
    let names = ["quantity", "exit_size", "entry_size", "position_size", "size"];
    match fields.money(&names)? {
        None => {
            let fix = "write how many units were traded";
            Err(Fault::new("positive_quantity", "quantity", "it is missing", fix))
        }
        Some((name, amount)) if !amount.is_positive() => {
            let fix = "write how many units, at least 0.000000000001, and the direction as side";
            Err(Fault::new("positive_quantity", name, format!("{amount} is not above 0"), fix))
        }
        Some((_, amount)) => Ok(amount),
    }
}

/// Recorders that give none write down a trade when it is over.
fn status(fields: &Fields, exit_time: Option<DateTime<Utc>>) -> Result<Status, Fault> {
    let by_exit = if exit_time.is_some() { Status::Closed } else { Status::Filled };
    Ok(fields.word(&["status"])?.unwrap_or(by_exit))
}

fn platform(fields: &Fields) -> Result<String, Fault> {
    let given = fields.text(&["platform"])?;
    let inner =
        || ["metadata", "execution_result"].map(|name| fields.inner(name).text(&["platform"]));
    let given = given.or_else(|| inner().into_iter().find_map(|found| found.ok().flatten()));
    // It is the name of a folder.
    let name = given.unwrap_or_else(|| "unknown".to_owned()).to_ascii_lowercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(is_plain) && (1..=50).contains(&name.len()) {
        return Ok(name);
    }
    let fix = "use 1 to 50 letters, digits, _ and -, like coinbase";
    Err(Fault::new("known_word", "platform", format!("{name:?} is no name"), fix))
}

/// Profit is (exit - entry) × quantity, or the opposite for a short, without fees.
fn profit_adds_up(trade: &Execution) -> bool {
    let (Some(entry), Some(exit), Some(profit)) =
        (trade.entry_price, trade.exit_price, trade.realized_pnl)
    else {
        return true;
    };
    let [entry, exit, quantity, profit, fees] =
        [entry, exit, trade.quantity, profit, trade.fees.unwrap_or_default()]
            .map(Money::approximate);
    let expected = (exit - entry) * quantity * Side::direction(trade.side) - fees;
    (profit - expected).abs() <= CENT + TOLERANCE * entry * quantity
}
