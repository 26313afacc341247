//! Rows as Oanda writes them: oldest first, decimals as text, each saying whether it is complete.

use std::fmt::Write;

use chrono::DateTime;

use super::alignment::Grid;
use crate::{
    config::PriceSide,
    simulate::{
        Fault, MarketCandle, Reply,
        answer::Page,
        decimal::fixed,
        fields::{Fields, Nonsense},
    },
};

/// What a buyer pays above the middle and a seller gets below it, in units of the last decimal.
const HALF_SPREAD: i64 = 7;

/// How long after its close a candle may still say that it is not complete, in seconds.
const LATENESS: i64 = 45;

/// Candles, oldest first.
#[derive(Debug)]
pub(super) struct CandlePage {
    pub(super) instrument: String,
    pub(super) granularity: String,
    pub(super) grid: Grid,
    pub(super) prices: String,
    pub(super) rows: Vec<MarketCandle>,
    /// What a closed session answers when it does not answer nothing.
    pub(super) before_the_close: Vec<MarketCandle>,
    /// The moment of asking, unix seconds.
    pub(super) now: i64,
    pub(super) lateness: i64,
    /// Times as unix seconds, where a header asks for it.
    pub(super) is_unix: bool,
}

impl CandlePage {
    fn is_complete(&self, row: &MarketCandle, lateness: i64) -> bool {
        self.grid.next(row.open_time) + lateness <= self.now
    }

    fn time(&self, open_time: i64) -> String {
        if self.is_unix {
            return format!("{open_time}.000000000");
        }
        let at = DateTime::from_timestamp(open_time, 0).unwrap_or_default();
        at.format("%Y-%m-%dT%H:%M:%S.000000000Z").to_string()
    }

    fn write_row(&self, out: &mut String, row: &MarketCandle, bad: Option<Nonsense>) {
        let fields = |side: PriceSide| {
            let row = at_side(row, side);
            match bad {
                Some(nonsense) => nonsense.of(&row, self.now, fixed),
                None => Fields::of(&row, fixed),
            }
        };
        let Fields { open_time, volume, .. } = fields(PriceSide::Mid);
        let (complete, time) = (self.is_complete(row, self.lateness), self.time(open_time));
        // Writing to a text does not fail.
        let _ = write!(
            out,
            "{{\"complete\":{complete},\"volume\":{},\"time\":\"{time}\"",
            volume.bare()
        );
        for letter in self.prices.chars() {
            let (name, side) = match letter {
                'B' => ("bid", PriceSide::Bid),
                'A' => ("ask", PriceSide::Ask),
                _ => ("mid", PriceSide::Mid),
            };
            let Fields { open, high, low, close, .. } = fields(side);
            let [o, h, l, c] = [open, high, low, close].map(|word| word.quoted());
            let _ = write!(out, ",\"{name}\":{{\"o\":{o},\"h\":{h},\"l\":{l},\"c\":{c}}}");
        }
        out.push('}');
    }
}

impl Page for CandlePage {
    fn rows(&mut self) -> &mut Vec<MarketCandle> {
        &mut self.rows
    }

    fn newest_closed(&self) -> i64 {
        self.grid.previous(self.grid.floor(self.now))
    }

    fn spoil(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::LateComplete => {
                let is_late = |row| self.is_complete(row, 0) && !self.is_complete(row, LATENESS);
                let changes = self.rows.iter().any(is_late);
                self.lateness = LATENESS;
                changes
            }
            Fault::WeekendRepeat if self.rows.is_empty() => {
                self.rows = std::mem::take(&mut self.before_the_close);
                !self.rows.is_empty()
            }
            _ => false,
        }
    }

    fn write(&self, bad_row: Option<(usize, Nonsense)>) -> Reply {
        let Self { instrument, granularity, .. } = self;
        let mut body = format!(
            "{{\"instrument\":\"{instrument}\",\"granularity\":\"{granularity}\",\"candles\":["
        );
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            let bad = bad_row.filter(|(bad, _)| *bad == index).map(|(_, nonsense)| nonsense);
            self.write_row(&mut body, row, bad);
        }
        body.push_str("]}");
        super::reply(200, body)
    }
}

/// The side of a candle of the middle.
pub(in crate::simulate) fn at_side(row: &MarketCandle, side: PriceSide) -> MarketCandle {
    let by = match side {
        PriceSide::Mid => 0,
        PriceSide::Bid => -HALF_SPREAD,
        PriceSide::Ask => HALF_SPREAD,
    };
    let MarketCandle { open, high, low, close, .. } = *row;
    MarketCandle { open: open + by, high: high + by, low: low + by, close: close + by, ..*row }
}
