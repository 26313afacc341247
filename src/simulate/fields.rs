//! A row as words, before a wire format puts them in its order; and rows that make no sense.

use super::MarketCandle;

/// Writes so many units of the last of so many decimals.
pub(super) type Decimals = fn(i64, u8) -> String;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Number(String),
    Text(&'static str),
    Null,
}

impl Word {
    /// A number as JSON has it, bare.
    pub(super) fn bare(&self) -> String {
        match self {
            Self::Number(digits) => digits.clone(),
            Self::Text(text) => format!("\"{text}\""),
            Self::Null => "null".to_owned(),
        }
    }

    /// A number as a JSON text.
    pub(super) fn quoted(&self) -> String {
        match self {
            Self::Number(digits) => format!("\"{digits}\""),
            Self::Text(_) | Self::Null => self.bare(),
        }
    }

    /// A cell of a table.
    pub(super) fn plain(&self) -> &str {
        match self {
            Self::Number(digits) => digits,
            Self::Text(text) => text,
            Self::Null => "null",
        }
    }
}

/// A row of any wire format.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// Unix seconds.
    pub(super) open_time: i64,
    pub(super) open: Word,
    pub(super) high: Word,
    pub(super) low: Word,
    pub(super) close: Word,
    pub(super) volume: Word,
}

impl Fields {
    pub(super) fn of(row: &MarketCandle, write: Decimals) -> Self {
        let price = |units| Word::Number(write(units, row.price_decimals));
        Self {
            open_time: row.open_time,
            open: price(row.open),
            high: price(row.high),
            low: price(row.low),
            close: price(row.close),
            volume: Word::Number(write(row.volume, row.volume_decimals)),
        }
    }
}

/// A way for a row to be well-formed and no candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nonsense {
    HighBelowLow,
    NegativeVolume,
    ZeroPrice,
    Null,
    TextNaN,
    OffGridTime,
    FutureTime,
    TooLarge,
}

/// Longer than any candle, and on every grid.
const DAY: i64 = 86_400;

impl Nonsense {
    pub(super) const ALL: [Self; 8] = [
        Self::HighBelowLow,
        Self::NegativeVolume,
        Self::ZeroPrice,
        Self::Null,
        Self::TextNaN,
        Self::OffGridTime,
        Self::FutureTime,
        Self::TooLarge,
    ];

    /// What it makes of `row` in an answer given at `now`, unix seconds.
    pub(super) fn of(self, row: &MarketCandle, now: i64, write: Decimals) -> Fields {
        let mut fields = Fields::of(row, write);
        let number = |text: &str| Word::Number(text.to_owned());
        match self {
            Self::HighBelowLow => {
                fields.high = Word::Number(write(row.low - 1, row.price_decimals));
            }
            Self::NegativeVolume => {
                fields.volume = Word::Number(write(-row.volume, row.volume_decimals));
            }
            Self::ZeroPrice => fields.close = number("0"),
            Self::Null => fields.open = Word::Null,
            Self::TextNaN => fields.close = Word::Text("NaN"),
            Self::OffGridTime => fields.open_time += 7,
            // So that only the time is wrong.
            Self::FutureTime => fields.open_time = (now.div_euclid(DAY) + 2) * DAY,
            Self::TooLarge => fields.high = number("1e400"),
        }
        fields
    }
}
