//! `[calendars]`: single days on which a market does not keep its regular hours.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Deserializer, de::Error};

use super::reader::Reader;
use crate::market::{Adjusted, Calendar, Calendars};

/// A date and a time of New York, like `2026-12-24 13:00`.
#[derive(Debug, Clone, Copy)]
struct Close(NaiveDateTime);

impl<'de> Deserialize<'de> for Close {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").map(Self).map_err(|_| {
            let fix = "write a date and a time of New York, like \"2026-12-24 13:00\"";
            D::Error::custom(format!("{text:?} is not a time of closing: {fix}"))
        })
    }
}

pub(super) fn calendars(read: &mut Reader) -> Calendars {
    let regular = Calendars::REGULAR;
    Calendars {
        fx: adjusted(read, "fx", regular.fx),
        equity: adjusted(read, "equity", regular.equity),
        ..regular
    }
}

fn adjusted(read: &mut Reader, class: &str, base: Calendar) -> Calendar {
    let closed: BTreeSet<NaiveDate> = read.get(&format!("calendars.{class}_closed"));
    let short_days: Vec<Close> = read.get(&format!("calendars.{class}_early_close"));
    let early_close: BTreeMap<NaiveDate, NaiveTime> =
        short_days.into_iter().map(|Close(at)| (at.date(), at.time())).collect();
    if closed.is_empty() && early_close.is_empty() {
        return base;
    }
    // Read once per program, and every ledger refers to it until the end.
    Calendar::Adjusted(Box::leak(Box::new(Adjusted { base, closed, early_close })))
}
