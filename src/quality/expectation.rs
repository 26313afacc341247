//! The named expectations a candle must meet.

use chrono::{DateTime, Utc};

use crate::market::{Calendar, Candle, Timeframe, Window};

/// What happens to a candle that does not meet an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It becomes a dead letter.
    Refuse,
    /// It lands, and is counted.
    Warn,
}

/// What a candle is judged against besides itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub timeframe: Timeframe,
    pub window: Window,
    pub extracted_at: DateTime<Utc>,
    pub calendar: Calendar,
}

/// A named rule about one candle.
#[derive(Debug)]
pub struct Expectation {
    pub name: &'static str,
    pub severity: Severity,
    pub(super) holds: fn(&Candle, &Circumstances) -> bool,
    /// Which field and value broke it.
    pub(super) complaint: fn(&Candle, &Circumstances) -> String,
}

/// In the order in which they are tried; the first that fails names the dead letter.
///
/// Two more are about whole answers and live in `validate`: `readable` (the row is a candle at
/// all) and `no_conflict` (one answer does not give one candle twice with different values).
pub const EXPECTATIONS: &[Expectation] = &[
    Expectation {
        name: "finite",
        severity: Severity::Refuse,
        holds: |c, _| prices(c).iter().chain(c.volume.iter()).all(|value| value.is_finite()),
        complaint: |c, _| format!("a value is NaN or infinite: {}", values(c)),
    },
    Expectation {
        name: "positive_prices",
        severity: Severity::Refuse,
        holds: |c, _| prices(c).iter().all(|price| *price > 0.0),
        complaint: |c, _| format!("a price is zero or negative: {}", values(c)),
    },
    Expectation {
        name: "high_not_below_low",
        severity: Severity::Refuse,
        holds: |c, _| c.high >= c.low,
        complaint: |c, _| format!("high {} is below low {}", c.high, c.low),
    },
    Expectation {
        name: "open_in_range",
        severity: Severity::Refuse,
        holds: |c, _| (c.low..=c.high).contains(&c.open),
        complaint: |c, _| format!("open {} is outside low {} to high {}", c.open, c.low, c.high),
    },
    Expectation {
        name: "close_in_range",
        severity: Severity::Refuse,
        holds: |c, _| (c.low..=c.high).contains(&c.close),
        complaint: |c, _| format!("close {} is outside low {} to high {}", c.close, c.low, c.high),
    },
    Expectation {
        name: "volume_not_negative",
        severity: Severity::Refuse,
        holds: |c, _| c.volume.is_none_or(|volume| volume >= 0.0),
        complaint: |c, _| format!("volume {} is negative", c.volume.unwrap_or_default()),
    },
    Expectation {
        name: "on_grid",
        severity: Severity::Refuse,
        holds: |c, at| at.timeframe.is_open_time(c.open_time),
        complaint: |c, at| format!("open time {} is no multiple of {}", c.open_time, at.timeframe),
    },
    Expectation {
        name: "not_in_future",
        severity: Severity::Refuse,
        holds: |c, at| c.open_time <= at.extracted_at,
        complaint: |c, at| {
            format!("open time {} lies after the answer of {}", c.open_time, at.extracted_at)
        },
    },
    Expectation {
        name: "in_window",
        severity: Severity::Refuse,
        holds: |c, at| at.window.contains(c.open_time),
        complaint: |c, at| {
            format!("open time {} is outside the asked window {}", c.open_time, at.window)
        },
    },
    Expectation {
        name: "in_session",
        severity: Severity::Warn,
        holds: |c, at| at.calendar.opens_in(Window::of_candles(c.open_time, at.timeframe, 1)),
        complaint: |c, _| format!("the market was closed all the time from {}", c.open_time),
    },
];

/// What names a dead letter besides an expectation: rows and whole answers that cannot be read, and
/// answers that contradict themselves.
const OTHER_REASONS: [&str; 3] = ["readable", "no_conflict", "readable_answer"];

/// Every name that a dead letter of a candle may have.
pub fn reasons() -> impl Iterator<Item = &'static str> {
    let refusing = EXPECTATIONS.iter().filter(|one| one.severity == Severity::Refuse);
    refusing.map(|one| one.name).chain(OTHER_REASONS)
}

const fn prices(candle: &Candle) -> [f64; 4] {
    [candle.open, candle.high, candle.low, candle.close]
}

fn values(c: &Candle) -> String {
    let volume = c.volume.map_or_else(|| "none".to_owned(), |volume| volume.to_string());
    format!("open {} high {} low {} close {} volume {volume}", c.open, c.high, c.low, c.close)
}
