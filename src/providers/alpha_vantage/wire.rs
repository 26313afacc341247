//! Alpha Vantage's rows, as CSV (which is asked for) or JSON (which may come all the same).
//!
//! Both are newest first and name candles by a local or UTC time without an offset.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{America::New_York, Tz, UTC};
use serde_json::value::RawValue;

use super::{
    super::ProviderError,
    refusal::{is_disguised, refusal},
};
use crate::market::{
    AssetClass, Candle, Candles, Provenance, RawBatch, RawText, Series, Timeframe, Window,
};

/// Their clocks may not agree with each other.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(5);

/// The rows that open inside `window`; the answer usually has more, which nobody asked for.
pub(super) fn read(
    series: &Series,
    window: Window,
    provenance: Provenance,
    body: &Bytes,
) -> Result<RawBatch, ProviderError> {
    let malformed = |detail: String| ProviderError::Malformed { detail, body: body.clone() };
    let page = if body.trim_ascii_start().starts_with(b"{") {
        json(body).ok_or_else(|| {
            let refused = refusal(body, series.instrument.as_str(), provenance.extracted_at);
            refused.unwrap_or_else(|| malformed("no series of candles".to_owned()))
        })?
    } else {
        let table = std::str::from_utf8(body).map_err(|error| malformed(error.to_string()))?;
        if is_disguised(table) {
            return Err(ProviderError::Throttled { retry_after: None });
        }
        // Of a number that was cut, the digits that are left are a number as well.
        if !table.ends_with('\n') {
            return Err(malformed("the table is cut in the middle of a line".to_owned()));
        }
        csv(table, zone_of(series)).ok_or_else(|| malformed("no table of candles".to_owned()))?
    };
    let times: Vec<_> =
        page.rows.iter().map(|row| row.open_time(page.zone, series.timeframe)).collect();
    let at_the_close =
        times.iter().flatten().find(|at| is_at_the_close(series, **at, provenance.made_at));
    if let Some(at) = at_the_close {
        let at = at.with_timezone(&page.zone).naive_local();
        return Err(malformed(format!(
            "a candle at {at}: stamps are of the close again, or there is more than the session"
        )));
    }
    let mut candles = Candles::with_capacity(page.rows.len());
    let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
    for (number, (row, time)) in page.rows.iter().zip(times).enumerate() {
        let candle = match time {
            Ok(at) if !window.contains(at) => continue,
            time => time.and_then(|open_time| row.candle(open_time)),
        };
        match candle {
            Ok(candle) => {
                candles.push(candle);
                rows.push(number);
            }
            Err(reason) => unreadable.push((number, reason)),
        }
    }
    candles.reverse();
    rows.reverse();
    let texts: Vec<Bytes> = page.rows.into_iter().map(|row| body.slice_ref(row.text)).collect();
    let raw = RawText::new(move |row| texts.get(row).cloned().unwrap_or_default());
    let series = series.clone();
    Ok(RawBatch { series, window, provenance, candles, raw, rows, unfinished: 0, unreadable })
}

/// What comes before and after a single row in an answer: a row does not say what its columns are,
/// so they are taken to be those of the documentation. Currencies have no volume.
pub(super) fn around(series: &Series, row: &[u8]) -> (String, &'static str) {
    if row.starts_with(b"\"") {
        let zone = if zone_of(series) == New_York { "US/Eastern" } else { "UTC" };
        let meta = format!("{{\"Meta Data\":{{\"6. Time Zone\":\"{zone}\"}},\"Time Series\":{{");
        return (meta, "}}");
    }
    let has_volume = series.instrument.asset_class() != AssetClass::Fx;
    let volume = if has_volume { ",volume" } else { "" };
    (format!("timestamp,open,high,low,close{volume}\n"), "\n")
}

/// The answer, cut into texts.
struct Page<'a> {
    zone: Tz,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    text: &'a [u8],
    stamp: &'a str,
    prices: [Option<&'a str>; 4],
    volume: Option<&'a str>,
}

impl Row<'_> {
    fn open_time(&self, zone: Tz, timeframe: Timeframe) -> Result<DateTime<Utc>, String> {
        if timeframe == Timeframe::D1 {
            // The date of the session, not an instant of it.
            let day = NaiveDate::parse_from_str(self.stamp, "%Y-%m-%d");
            let midnight = day.map(|day| day.and_time(NaiveTime::MIN).and_utc());
            return midnight.map_err(|_| format!("timestamp {:?} is no date", self.stamp));
        }
        let local = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(self.stamp, format).ok())
            .ok_or_else(|| format!("timestamp {:?} is no date and time", self.stamp))?;
        let instant = zone.from_local_datetime(&local).single();
        instant.map(|at| at.to_utc()).ok_or_else(|| {
            format!("timestamp {:?} exists never or twice in {}", self.stamp, zone.name())
        })
    }

    fn candle(&self, open_time: DateTime<Utc>) -> Result<Candle, String> {
        let names = ["open", "high", "low", "close"];
        let mut prices = [0.0; 4];
        for ((price, text), name) in prices.iter_mut().zip(self.prices).zip(names) {
            *price = number(name, text.ok_or_else(|| format!("{name} is missing"))?)?;
        }
        let volume = self.volume.map(|text| number("volume", text)).transpose()?;
        let [open, high, low, close] = prices;
        Ok(Candle { open_time, open, high, low, close, volume })
    }
}

fn number(name: &str, text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("{name} {text:?} is no number"))
}

fn zone_of(series: &Series) -> Tz {
    match series.instrument.asset_class() {
        AssetClass::Equity => New_York,
        AssetClass::Fx | AssetClass::Crypto => UTC,
    }
}

/// Whether a candle was stamped when it closed, as they all were in 2020. One such row gives away
/// the whole answer, whether it was asked for or not: the running candle's would lie in the future,
/// and regular sessions end at 16:00 in New York.
fn is_at_the_close(series: &Series, at: DateTime<Utc>, made_at: DateTime<Utc>) -> bool {
    if series.timeframe == Timeframe::D1 {
        return false;
    }
    let is_running = made_at + CLOCK_MARGIN < at && at <= made_at + series.timeframe.duration();
    let close = NaiveTime::from_hms_opt(16, 0, 0).unwrap_or(NaiveTime::MIN);
    let is_equity = series.instrument.asset_class() == AssetClass::Equity;
    is_running || (is_equity && at.with_timezone(&New_York).time() == close)
}

/// `timestamp,open,high,low,close[,volume]` with a header, in whatever order and line ends.
fn csv(table: &str, zone: Tz) -> Option<Page<'_>> {
    let mut lines = table.lines().filter(|line| !line.is_empty());
    let header: Vec<&str> = lines.next()?.split(',').map(str::trim).collect();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let stamp = column("timestamp").or_else(|| column("time"))?;
    let prices = [column("open")?, column("high")?, column("low")?, column("close")?];
    let volume = column("volume");
    let row = |line| {
        let line: &str = line;
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |at: usize| cells.get(at).copied();
        Row {
            text: line.as_bytes(),
            stamp: cell(stamp).unwrap_or_default(),
            prices: prices.map(cell),
            // A column that is there and empty must not pass for one that is not.
            volume: volume.map(|at| cell(at).unwrap_or_default()),
        }
    };
    Some(Page { zone, rows: lines.map(row).collect() })
}

/// `{"Meta Data":{…},"Time Series …":{stamp:{"1. open":…}}}`; the numbering differs by function.
fn json(body: &[u8]) -> Option<Page<'_>> {
    let answer: BTreeMap<&str, &RawValue> = serde_json::from_slice(body).ok()?;
    // Weeks and months are called `Weekly Time Series` and the like.
    let series = answer.iter().find(|(key, _)| key.starts_with("Time Series"))?.1;
    let about: BTreeMap<&str, &str> = serde_json::from_str(answer.get("Meta Data")?.get()).ok()?;
    let zone = about.iter().find(|(key, _)| key.ends_with("Time Zone"))?.1;
    let zone = if *zone == "US/Eastern" { New_York } else { zone.parse().ok()? };
    let stamps: BTreeMap<&str, &RawValue> = serde_json::from_str(series.get()).ok()?;
    let row = |(stamp, value)| json_row(body, stamp, value);
    Some(Page { zone, rows: stamps.into_iter().rev().map(row).collect() })
}

/// `stamp` and `value` are parts of `body`, one after the other.
fn json_row<'a>(body: &'a [u8], stamp: &'a str, value: &'a RawValue) -> Row<'a> {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
    // `1. open`, and in older answers `1a. open (USD)`; a value is text or a number.
    let field = |name: &str| {
        let is_named = |key: &&str| {
            key.split_once(". ").is_some_and(|(_, rest)| rest.split(' ').next() == Some(name))
        };
        let found = fields.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value.get());
        found.map(|text| text.trim_matches('"'))
    };
    let prices = ["open", "high", "low", "close"].map(field);
    let offset = |part: &str| part.as_ptr().addr() - body.as_ptr().addr();
    // The stamp is in quotes.
    let text = &body[offset(stamp) - 1..offset(value.get()) + value.get().len()];
    Row { text, stamp, prices, volume: field("volume") }
}

#[cfg(test)]
mod tests;
