//! The fields of a document, read by any of the names they have had.

use std::{collections::BTreeMap, str::FromStr};

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::value::RawValue;

use super::{Fault, asset_of};
use crate::market::{InstrumentId, Money, ParseError};

/// Values as they were written, so that no digit is lost.
pub(super) struct Fields(BTreeMap<String, Box<RawValue>>);

/// A field that is there and not null: the name it was found by, and its JSON.
type Found<'a> = Option<(&'static str, &'a str)>;

const LONGEST_KEY: usize = 200;

impl Fields {
    pub(super) fn read(document: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(document).map(Self).map_err(|error| {
            let fix = "write a JSON object, in UTF-8";
            Fault::new("readable", "document", error.to_string(), fix)
        })
    }

    /// The first of these that is there.
    fn find(&self, names: &[&'static str]) -> Found<'_> {
        let found = |name: &&'static str| Some((*name, self.0.get(*name)?.get()));
        names.iter().filter_map(found).find(|(_, json)| *json != "null")
    }

    pub(super) fn has(&self, names: &[&'static str]) -> bool {
        self.find(names).is_some()
    }

    /// A text, or a number as a text.
    pub(super) fn text(&self, names: &[&'static str]) -> Result<Option<String>, Fault> {
        Ok(self.named_text(names)?.map(|(_, text)| text))
    }

    fn named_text(&self, names: &[&'static str]) -> Result<Option<(&'static str, String)>, Fault> {
        let Some((name, json)) = self.find(names) else { return Ok(None) };
        if let Ok(text) = serde_json::from_str(json) {
            return Ok(Some((name, text)));
        }
        match serde_json::from_str::<serde_json::Number>(json) {
            Ok(_) => Ok(Some((name, json.to_owned()))),
            Err(_) => Err(unread(name, json, "write a text")),
        }
    }

    /// The text by which the record is known.
    pub(super) fn key(&self, names: &[&'static str]) -> Result<Option<String>, Fault> {
        let Some((name, key)) = self.named_text(names)? else { return Ok(None) };
        if (1..=LONGEST_KEY).contains(&key.len()) {
            return Ok(Some(key));
        }
        let reason = format!("it has {} bytes", key.len());
        Err(Fault::new("key_present", name, reason, format!("use 1 to {LONGEST_KEY}")))
    }

    /// A word of a list.
    pub(super) fn word<T: FromStr<Err = ParseError>>(
        &self,
        names: &[&'static str],
    ) -> Result<Option<T>, Fault> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|error: ParseError| {
            Fault::new("known_word", name, format!("{text:?} is not known"), error.fix)
        })
    }

    pub(super) fn asset(&self, names: &[&'static str]) -> Result<InstrumentId, Fault> {
        let Some((name, text)) = self.named_text(names)? else {
            return Err(Fault::new(
                "known_asset",
                names[0],
                "it is missing",
                "write one like BTCUSD",
            ));
        };
        asset_of(&text).map_err(|error| {
            let reason = format!("{text:?} is no {} that is known", error.what);
            Fault::new("known_asset", name, reason, error.fix)
        })
    }

    /// RFC 3339, or without a zone, which is UTC; not after `latest`.
    pub(super) fn instant(
        &self,
        names: &[&'static str],
        latest: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Fault> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        let at = instant(&text).ok_or_else(|| {
            let fix = "write RFC 3339, like 2026-02-14T13:57:23Z";
            Fault::new("readable_field", name, format!("{text:?} is no time"), fix)
        })?;
        if at > latest {
            let reason = format!("{at} has not come yet");
            return Err(Fault::new(
                "not_in_future",
                name,
                reason,
                "write it in UTC, or with its zone",
            ));
        }
        Ok(Some(at))
    }

    pub(super) fn money(
        &self,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, Money)>, Fault> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        let amount = text.trim().parse().map_err(|error: ParseError| {
            Fault::new("readable_field", name, format!("{text:?} is no amount"), error.fix)
        })?;
        Ok(Some((name, amount)))
    }

    /// A price: an amount above zero.
    pub(super) fn price(&self, names: &[&'static str]) -> Result<Option<Money>, Fault> {
        match self.money(names)? {
            Some((name, price)) if !price.is_positive() => {
                let fix = "write what one unit costs, or leave it out";
                Err(Fault::new("positive_price", name, format!("{price} is not above 0"), fix))
            }
            price => Ok(price.map(|(_, price)| price)),
        }
    }

    /// A finite number, also in a text.
    pub(super) fn number(
        &self,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, f64)>, Fault> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        number
            .map(|number| Some((name, number)))
            .ok_or_else(|| unread(name, &format!("{text:?}"), "write a finite number"))
    }

    /// Whatever it is, as JSON.
    pub(super) fn json(&self, names: &[&'static str]) -> Option<String> {
        self.find(names).map(|(_, json)| json.to_owned())
    }

    /// The fields of an object in the document; none where there is no such object.
    pub(super) fn inner(&self, name: &'static str) -> Self {
        let inner = self.find(&[name]).and_then(|(_, json)| serde_json::from_str(json).ok());
        Self(inner.unwrap_or_default())
    }
}

fn unread(name: &str, value: &str, fix: &str) -> Fault {
    const SHOWN: usize = 100;
    let value: String = value.chars().take(SHOWN).collect();
    Fault::new("readable_field", name, format!("{value} cannot be read"), fix)
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let with_zone = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let without = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .into_iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    let at = with_zone.ok().or_else(|| Some(without()?.and_utc()))?;
    // The lake counts microseconds.
    DateTime::from_timestamp_micros(at.timestamp_micros())
}
