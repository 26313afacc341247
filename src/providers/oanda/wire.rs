//! Oanda's JSON: `{"candles":[{"complete","volume","time","mid":{"o","h","l","c"}}]}`, oldest first.

use std::sync::OnceLock;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{ProviderError, object::object};
use crate::{
    config::PriceSide,
    market::{Candle, Candles, Provenance, RawBatch, RawText, Series, Timeframe, Window},
};

#[derive(Deserialize)]
struct Page<'a> {
    granularity: Option<&'a str>,
    #[serde(borrow)]
    candles: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    complete: bool,
    volume: f64,
    #[serde(borrow)]
    time: &'a str,
    #[serde(borrow)]
    mid: Option<Prices<'a>>,
    #[serde(borrow)]
    bid: Option<Prices<'a>>,
    #[serde(borrow)]
    ask: Option<Prices<'a>>,
}

/// Decimals as text.
#[derive(Deserialize)]
struct Prices<'a> {
    o: &'a str,
    h: &'a str,
    l: &'a str,
    c: &'a str,
}

pub(super) const fn granularity(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "M1",
        Timeframe::M5 => "M5",
        Timeframe::M15 => "M15",
        Timeframe::H1 => "H1",
        Timeframe::H4 => "H4",
        Timeframe::D1 => "D",
    }
}

pub(super) const fn price_letter(side: PriceSide) -> &'static str {
    match side {
        PriceSide::Mid => "M",
        PriceSide::Bid => "B",
        PriceSide::Ask => "A",
    }
}

/// Reads a page; rows that are no candles are set aside, and so are those not complete yet.
pub(super) fn read(
    series: &Series,
    window: Window,
    provenance: Provenance,
    side: PriceSide,
    body: Bytes,
) -> Result<RawBatch, ProviderError> {
    let page: Page<'_> = object(&body).map_err(|error| ProviderError::Malformed {
        detail: error.to_string(),
        body: body.clone(),
    })?;
    let asked = granularity(series.timeframe);
    if let Some(told) = page.granularity.filter(|told| *told != asked) {
        let detail = format!("candles of {told} where {asked} was asked for");
        return Err(ProviderError::Malformed { detail, body });
    }
    let mut candles = Candles::with_capacity(page.candles.len());
    let (mut rows, mut unreadable, mut unfinished) = (Vec::new(), Vec::new(), 0);
    for (number, text) in page.candles.iter().enumerate() {
        match candle(text.get(), side) {
            Ok(Some(candle)) => {
                candles.push(candle);
                rows.push(number);
            }
            Ok(None) => unfinished += 1,
            Err(reason) => unreadable.push((number, reason)),
        }
    }
    let texts = OnceLock::new();
    let raw = RawText::new(move |row| {
        let texts = texts.get_or_init(|| texts_of(&body));
        texts.get(row).unwrap_or(&body).clone()
    });
    let series = series.clone();
    Ok(RawBatch { series, window, provenance, candles, raw, rows, unfinished, unreadable })
}

/// `None` while Oanda itself says that the candle is not complete.
fn candle(text: &str, side: PriceSide) -> Result<Option<Candle>, String> {
    let row: Row<'_> = object(text.as_bytes()).map_err(|error| error.to_string())?;
    if !row.complete {
        return Ok(None);
    }
    let (name, prices) = match side {
        PriceSide::Mid => ("mid", row.mid),
        PriceSide::Bid => ("bid", row.bid),
        PriceSide::Ask => ("ask", row.ask),
    };
    let Prices { o, h, l, c } = prices.ok_or_else(|| format!("{name} is missing"))?;
    let price = |field: &str, text: &str| {
        text.parse::<f64>().map_err(|_| format!("{name}.{field} {text:?} is no number"))
    };
    Ok(Some(Candle {
        open_time: instant(row.time)?,
        open: price("o", o)?,
        high: price("h", h)?,
        low: price("l", l)?,
        close: price("c", c)?,
        volume: Some(row.volume),
    }))
}

/// RFC 3339, or Unix seconds with a fraction of zeros.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let unix = || {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_whole = fraction.bytes().all(|digit| digit == b'0');
        DateTime::from_timestamp(seconds.parse().ok().filter(|_| is_whole)?, 0)
    };
    let rfc3339 = DateTime::parse_from_rfc3339(text).ok();
    let at = rfc3339.map(|at| at.with_timezone(&Utc)).or_else(unix);
    at.ok_or_else(|| format!("time {text:?} is no instant"))
}

/// Every row's text; found once, since a page may be bad from end to end.
fn texts_of(body: &Bytes) -> Vec<Bytes> {
    let Ok(page) = object::<Page<'_>>(body) else { return Vec::new() };
    page.candles.into_iter().map(|text| body.slice_ref(text.get().as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        market::Calendar,
        quality::{Verdict, validate},
    };

    fn page(series: &str, side: PriceSide, body: &str) -> Result<RawBatch, ProviderError> {
        let extracted_at = "2021-09-01T00:00:00Z".parse().unwrap();
        let provenance = Provenance {
            extracted_at,
            made_at: extracted_at,
            source: "test".into(),
            is_mock: true,
            is_derived: false,
        };
        let window = Window::new("2021-08-01T00:00:00Z".parse().unwrap(), extracted_at);
        let body = Bytes::from(body.to_owned());
        read(&series.parse().unwrap(), window, provenance, side, body)
    }

    fn row(time: &str, complete: bool) -> String {
        format!(
            "{{\"complete\":{complete},\"volume\":7,\"time\":\"{time}\",\
             \"bid\":{{\"o\":\"1.1\",\"h\":\"1.4\",\"l\":\"1.0\",\"c\":\"1.2\"}},\
             \"mid\":{{\"c\":\"1.25\",\"o\":\"1.15\",\"h\":\"1.45\",\"l\":\"1.05\"}}}}"
        )
    }

    fn rows(rows: &[String]) -> String {
        format!("{{\"instrument\":\"EUR_USD\",\"candles\":[{}]}}", rows.join(","))
    }

    fn judged(series: &str, body: &str) -> Verdict {
        let batch = page(series, PriceSide::Mid, body).unwrap();
        validate(batch, Calendar::FxWeek, chrono::TimeDelta::zero())
    }

    #[test]
    fn the_configured_price_is_read_in_any_key_order_and_volume_counts_ticks() {
        let body = rows(&[row("2021-08-30T12:00:00.000000000Z", true)]);
        let mid = page("oanda/EURUSD/1m", PriceSide::Mid, &body).unwrap().candles.get(0);
        assert_eq!((mid.open, mid.high, mid.low, mid.close), (1.15, 1.45, 1.05, 1.25));
        assert_eq!(mid.volume, Some(7.0));
        let bid = page("oanda/EURUSD/1m", PriceSide::Bid, &body).unwrap().candles.get(0);
        assert_eq!(bid.open, 1.1);
        let ask = page("oanda/EURUSD/1m", PriceSide::Ask, &body).unwrap();
        assert_eq!(ask.unreadable, [(0, "ask is missing".to_owned())]);
    }

    #[test]
    fn t10_a_candle_that_is_not_complete_never_lands_though_its_time_has_passed() {
        let body = rows(&[
            row("2021-08-30T12:00:00.000000000Z", true),
            row("2021-08-30T12:01:00.000000000Z", false),
        ]);
        let verdict = judged("oanda/EURUSD/1m", &body);
        assert_eq!((verdict.valid.candles().len(), verdict.unfinished), (1, 1));
    }

    #[test]
    fn t12_a_day_that_begins_in_new_york_is_refused_and_not_filed_under_another_date() {
        for stamp in ["2021-08-29T21:00:00.000000000Z", "2021-08-29T22:00:00.000000000Z"] {
            let verdict = judged("oanda/USDCAD/1d", &rows(&[row(stamp, true)]));
            assert!(verdict.valid.candles().is_empty());
            assert_eq!(verdict.refused[0].expectation, "on_grid");
        }
    }

    #[test]
    fn t19_candles_of_another_length_are_refused_as_a_whole() {
        let body = rows(&[row("2021-08-30T12:00:00Z", true)]);
        let told = |granularity: &str| {
            let with = body.replacen('{', &format!("{{\"granularity\":\"{granularity}\","), 1);
            page("oanda/EURUSD/1m", PriceSide::Mid, &with)
        };
        assert_eq!(told("M1").unwrap().candles.len(), 1);
        assert!(matches!(told("S5"), Err(ProviderError::Malformed { .. })));
    }

    #[test]
    fn both_time_formats_are_read() {
        for time in ["2021-08-30T12:00:00.000000000Z", "1630324800.000000000", "1630324800"] {
            let batch = page("oanda/EURUSD/1m", PriceSide::Mid, &rows(&[row(time, true)])).unwrap();
            assert_eq!(batch.candles.open_time_at(0).timestamp(), 1_630_324_800, "{time}");
        }
    }

    #[test]
    fn t20_t21_one_bad_row_costs_one_row_and_keeps_its_bytes() {
        let good = row("2021-08-30T12:00:00.000000000Z", true);
        let bad = [
            good.replace("1.45", "NaN?"),
            good.replace("\"volume\":7", "\"volume\":null"),
            good.replace("2021-08-30T", "30.08.2021 "),
            good.replace("1630324800", ""),
            "7".to_owned(),
            "[true,7,\"1630324800\",{\"o\":\"1\",\"h\":\"1\",\"l\":\"1\",\"c\":\"1\"},null,null]"
                .to_owned(),
            "null".to_owned(),
        ];
        for bad in bad.iter().filter(|bad| **bad != good) {
            let page = page("oanda/EURUSD/1m", PriceSide::Mid, &rows(&[good.clone(), bad.clone()]));
            let batch = page.unwrap();
            assert_eq!((batch.candles.len(), batch.unreadable.len()), (1, 1), "{bad}");
            assert_eq!(batch.raw.row(batch.unreadable[0].0), bad);
        }
    }

    #[test]
    fn t16_a_body_without_candles_is_malformed_and_keeps_its_bytes() {
        for body in
            ["", "<html>login</html>", "{}", "[]", "[[]]", "null", "{\"candles\":7}", "{\"cand"]
        {
            let answer = page("oanda/EURUSD/1m", PriceSide::Mid, body);
            let Err(ProviderError::Malformed { body: kept, .. }) = answer else {
                panic!("{body:?} was read");
            };
            assert_eq!(kept, body);
        }
    }
}
