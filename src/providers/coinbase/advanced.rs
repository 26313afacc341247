//! Advanced Trade's JSON: `{"candles":[{"start","low","high","open","close","volume"}, …]}`, newest
//! first, every number a text.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{ProviderError, object::object},
    page::{Page, Values},
};
use crate::market::{Provenance, RawBatch, Series, Timeframe, Window};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    candles: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    /// Unix seconds.
    start: &'a str,
    low: &'a str,
    high: &'a str,
    open: &'a str,
    close: &'a str,
    volume: &'a str,
}

pub(super) const fn granularity(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "ONE_MINUTE",
        Timeframe::M5 => "FIVE_MINUTE",
        Timeframe::M15 => "FIFTEEN_MINUTE",
        Timeframe::H1 => "ONE_HOUR",
        Timeframe::H4 => "FOUR_HOUR",
        Timeframe::D1 => "ONE_DAY",
    }
}

/// Reads a whole page; rows that are no candles are set aside, a body without any is an error.
pub(super) fn read(
    series: &Series,
    window: Window,
    provenance: Provenance,
    body: Bytes,
) -> Result<RawBatch, ProviderError> {
    let answer: Answer<'_> = object(&body).map_err(|error| ProviderError::Malformed {
        detail: error.to_string(),
        body: body.clone(),
    })?;
    let mut page = Page::default();
    for (number, text) in answer.candles.into_iter().enumerate() {
        match row(text.get()) {
            Ok((start, values)) => page.push(number, start, values),
            Err(reason) => page.set_aside(number, reason),
        }
    }
    Ok(page.into_batch(series, window, provenance, body, texts_of))
}

fn row(text: &str) -> Result<(i64, Values), String> {
    let row: Row<'_> = object(text.as_bytes()).map_err(|error| error.to_string())?;
    let start = row.start.parse();
    let start = start.map_err(|_| format!("start {:?} is no time in seconds", row.start))?;
    let number =
        |name: &str, text: &str| text.parse().map_err(|_| format!("{name} {text:?} is no number"));
    let values = [
        number("low", row.low)?,
        number("high", row.high)?,
        number("open", row.open)?,
        number("close", row.close)?,
        number("volume", row.volume)?,
    ];
    Ok((start, values))
}

/// Every row's text.
fn texts_of(body: &Bytes) -> Vec<Bytes> {
    let Ok(answer) = object::<Answer<'_>>(body) else { return Vec::new() };
    answer.candles.into_iter().map(|text| body.slice_ref(text.get().as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    use super::*;
    use crate::{market::Calendar, quality::validate};

    fn page(body: &str) -> Result<RawBatch, ProviderError> {
        let at = DateTime::from_timestamp(1_756_004_400, 0).unwrap();
        let provenance = Provenance {
            extracted_at: at,
            made_at: at,
            source: "test".into(),
            is_mock: true,
            is_derived: false,
        };
        let series = "coinbase/BTCUSD/4h".parse().unwrap();
        let window = Window::new(DateTime::UNIX_EPOCH, at);
        read(&series, window, provenance, Bytes::from(body.to_owned()))
    }

    fn row_at(start: &str) -> String {
        format!(
            "{{\"start\":\"{start}\",\"low\":\"1\",\"high\":\"4\",\"open\":\"2\",\"close\":\"3\",\
             \"volume\":\"0.5\"}}"
        )
    }

    #[test]
    fn texts_are_read_in_any_key_order_and_the_order_of_rows_is_turned() {
        let other = "{\"volume\": \"5e-1\",\r\n \"open\": \"20\", \"close\": \"30\", \"low\": \
                     \"10.5\", \"high\": \"40\", \"start\": \"14400\", \"new\": null}";
        let body = format!("{{\"candles\": [{}, {other}]}}", row_at("28800"));
        let batch = page(&body).unwrap();
        let candles: Vec<_> = batch.candles.iter().collect();
        assert_eq!(candles[0].open_time.timestamp(), 14_400);
        let c = candles[0];
        assert_eq!((c.low, c.high, c.open, c.close, c.volume), (10.5, 40.0, 20.0, 30.0, Some(0.5)));
        let c = candles[1];
        assert_eq!((c.low, c.high, c.open, c.close, c.volume), (1.0, 4.0, 2.0, 3.0, Some(0.5)));
        assert_eq!(batch.raw.row(batch.rows[0]), other);
    }

    #[test]
    fn t16_a_body_without_candles_is_malformed_and_keeps_its_bytes() {
        for body in [
            "",
            "<html>login</html>",
            "[]",
            "{}",
            "null",
            "{\"candles\":7}",
            "{\"candles\":[{\"start\"",
            "{\"candles\":[]}}",
            "[[60,1,2,1,2,3]]",
        ] {
            let Err(ProviderError::Malformed { body: kept, .. }) = page(body) else {
                panic!("{body:?} was read");
            };
            assert_eq!(kept, body);
        }
        assert!(page("{\"candles\":[]}").unwrap().candles.is_empty());
    }

    #[test]
    fn t20_t21_one_bad_row_costs_one_row_and_keeps_its_bytes() {
        let (older, good, newer) = (row_at("14400"), row_at("28800"), row_at("43200"));
        let bad = [
            good.replace("\"0.5\"", "null"),
            good.replace("\"0.5\"", "\"\""),
            good.replace("\"0.5\"", "0.5"),
            good.replace("\"low\":\"1\",", ""),
            good.replace("\"4\"", "\"four\""),
            good.replace("\"4\"", "\" 4\""),
            good.replace("28800", "28800.5"),
            good.replace("28800", "1970-01-01T08:00:00Z"),
            good.replace("28800", "9223372036854775807"),
            "[28800,1,4,2,3,0.5]".to_owned(),
            "[\"28800\",\"1\",\"4\",\"2\",\"3\",\"0.5\"]".to_owned(),
            "null".to_owned(),
            "\"x\"".to_owned(),
        ];
        for bad in bad {
            let batch = page(&format!("{{\"candles\":[{newer},{bad},{older}]}}")).unwrap();
            assert_eq!((batch.candles.len(), batch.unreadable.len()), (2, 1), "{bad}");
            assert_eq!(batch.raw.row(batch.unreadable[0].0), bad);
            assert_eq!(batch.raw.row(batch.rows[0]), older);
        }
    }

    #[test]
    fn t20_what_reads_as_a_number_and_is_none_is_refused_by_its_name() {
        for (text, expectation) in [
            ("NaN", "finite"),
            ("1e400", "finite"),
            ("inf", "finite"),
            ("-4", "positive_prices"),
            ("0.5", "high_not_below_low"),
        ] {
            let bad = row_at("28800").replace("\"4\"", &format!("\"{text}\""));
            let batch = page(&format!("{{\"candles\":[{bad},{}]}}", row_at("14400"))).unwrap();
            let verdict = validate(batch, Calendar::Always, TimeDelta::zero());
            assert_eq!((verdict.valid.candles().len(), verdict.refused.len()), (1, 1), "{text}");
            assert_eq!(verdict.refused[0].expectation, expectation, "{text}");
            assert_eq!(verdict.refused[0].raw, bad);
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
            let row = row_at("14400").replace("\"1\"", &format!("\"{decimal}\""));
            let batch = page(&format!("{{\"candles\":[{row}]}}")).unwrap();
            let told = batch.candles.low[0];
            prop_assert_eq!(told, decimal.parse::<f64>().unwrap());
            prop_assert_eq!(format!("{told:.scale$}"), decimal);
        }
    }
}
