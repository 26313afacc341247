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

/// Days that differ from the regular calendar.
#[derive(Debug)]
struct Days {
    closed: BTreeSet<NaiveDate>,
    early_close: BTreeMap<NaiveDate, NaiveTime>,
}

pub(super) fn calendars(read: &mut Reader) -> Calendars {
    let regular = Calendars::REGULAR;
    let (fx, equity) = (days(read, "fx"), days(read, "equity"));
    Calendars {
        fx: adjusted(regular.fx, &fx),
        fx_dates: adjusted(regular.fx_dates, &fx),
        equity: adjusted(regular.equity, &equity),
        ..regular
    }
}

fn days(read: &mut Reader, class: &str) -> Days {
    let short_days: Vec<Close> = read.get(&format!("calendars.{class}_early_close"));
    Days {
        closed: read.get(&format!("calendars.{class}_closed")),
        early_close: short_days.into_iter().map(|Close(at)| (at.date(), at.time())).collect(),
    }
}

fn adjusted(base: Calendar, days: &Days) -> Calendar {
    let Days { closed, early_close } = days;
    if closed.is_empty() && early_close.is_empty() {
        return base;
    }
    let (closed, early_close) = (closed.clone(), early_close.clone());
    // Read once per program, and every ledger refers to it until the end.
    Calendar::Adjusted(Box::leak(Box::new(Adjusted { base, closed, early_close })))
}
