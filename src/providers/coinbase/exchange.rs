//! Coinbase Exchange's JSON: `[[time, low, high, open, close, volume], …]`, newest first.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{super::ProviderError, page::Page};
use crate::market::{Provenance, RawBatch, Series, Window};

/// Time in Unix seconds, then low, high, open, close and volume.
type Row = (i64, f64, f64, f64, f64, f64);

/// Reads a whole page; rows that are no candles are set aside, a body that is no list is an error.
pub(super) fn read(
    series: &Series,
    window: Window,
    provenance: Provenance,
    body: Bytes,
) -> Result<RawBatch, ProviderError> {
    let mut page = Page::default();
    let mut json = serde_json::Deserializer::from_slice(&body);
    if json.deserialize_seq(&mut page).and_then(|()| json.end()).is_err() {
        page = row_by_row(&body)?;
    }
    Ok(page.into_batch(series, window, provenance, body, texts_of))
}

fn push(page: &mut Page, number: usize, (time, low, high, open, close, volume): Row) {
    page.push(number, time, [low, high, open, close, volume]);
}

/// The fast path: every row straight into columns.
impl<'de> Visitor<'de> for &mut Page {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of [time, low, high, open, close, volume]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(row) = rows.next_element::<Row>()? {
            push(self, number, row);
            number += 1;
        }
        Ok(())
    }
}

/// The careful path, taken when some row is not what it should be.
fn row_by_row(body: &Bytes) -> Result<Page, ProviderError> {
    let rows: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        ProviderError::Malformed { detail: error.to_string(), body: body.clone() }
    })?;
    let mut page = Page::default();
    for (number, text) in rows.into_iter().enumerate() {
        match serde_json::from_str::<Row>(text.get()) {
            Ok(row) => push(&mut page, number, row),
            Err(error) => {
                let expected = "[time, low, high, open, close, volume] in numbers";
                page.set_aside(number, format!("not {expected}: {error}"));
            }
        }
    }
    Ok(page)
}

/// Every row's text.
fn texts_of(body: &Bytes) -> Vec<Bytes> {
    let rows: Vec<&RawValue> = serde_json::from_slice(body).unwrap_or_default();
    rows.into_iter().map(|text| body.slice_ref(text.get().as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn page(body: &str) -> Result<RawBatch, ProviderError> {
        let at = DateTime::from_timestamp(1_756_004_400, 0).unwrap();
        let provenance = Provenance {
            extracted_at: at,
            made_at: at,
            source: "test".into(),
            is_mock: true,
            is_derived: false,
        };
        let series = "coinbase/BTCUSD/1m".parse().unwrap();
        read(&series, Window::new(at, at), provenance, Bytes::from(body.to_owned()))
    }

    #[test]
    fn low_and_high_come_before_open_and_close_and_order_is_turned() {
        let batch = page("[[120, 1, 4, 2, 3, 0.5],\r\n [60, 10.5, 40, 20, 30, 5e-1]]").unwrap();
        let candles: Vec<_> = batch.candles.iter().collect();
        assert_eq!(candles[0].open_time.timestamp(), 60);
        let c = candles[1];
        assert_eq!((c.low, c.high, c.open, c.close, c.volume), (1.0, 4.0, 2.0, 3.0, Some(0.5)));
        assert_eq!(batch.raw.row(batch.rows[0]), "[60, 10.5, 40, 20, 30, 5e-1]");
    }

    #[test]
    fn t16_a_body_that_is_no_list_is_malformed_and_keeps_its_bytes() {
        for body in ["", "<html>login</html>", "{}", "null", "[[60,1,2", "[[60,1,2,1,2,3]]]", "7"] {
            let Err(ProviderError::Malformed { body: kept, .. }) = page(body) else {
                panic!("{body:?} was read");
            };
            assert_eq!(kept, body);
        }
        assert!(page("[]").unwrap().candles.is_empty());
    }

    #[test]
    fn t20_t21_one_bad_row_costs_one_row() {
        let bad = [
            "[null,1,2,1,2,3]",
            "[60,1,2,1,2]",
            "[60,1,2,1,2,3,4]",
            "[60,\"NaN\",2,1,2,3]",
            "[60,1e400,2,1,2,3]",
            "[60.5,1,2,1,2,3]",
            "[9223372036854775807,1,2,1,2,3]",
            "{\"time\":60}",
            "\"x\"",
        ];
        for row in bad {
            let batch = page(&format!("[[180,1,4,2,3,1],{row},[60,1,4,2,3,1]]")).unwrap();
            assert_eq!(batch.candles.len(), 2, "{row}");
            assert_eq!(batch.unreadable.len(), 1, "{row}");
            assert_eq!(batch.raw.row(batch.unreadable[0].0), row);
            assert_eq!(batch.raw.row(batch.rows[0]), "[60,1,4,2,3,1]");
        }
    }

    proptest! {
        #[test]
        fn every_decimal_of_fifteen_digits_survives(
            digits in 1_u64..1_000_000_000_000_000,
            scale in 0_usize..12,
        ) {
            let text = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = text.split_at(text.len() - scale);
            let decimal = if scale == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") };
            let batch = page(&format!("[[60,{decimal},1,1,1,1]]")).unwrap();
            let told = batch.candles.low[0];
            prop_assert_eq!(told, decimal.parse::<f64>().unwrap());
            let printed: String = format!("{told:.scale$}");
            prop_assert_eq!(printed, decimal);
        }
    }
}
