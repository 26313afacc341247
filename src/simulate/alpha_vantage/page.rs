//! Rows as Alpha Vantage writes them: newest first, as a table or a map, in local time.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use chrono_tz::America::New_York;

use super::{function::Function, meta, question::Question};
use crate::{
    market::AssetClass,
    simulate::{
        Fault, MarketCandle, Reply,
        answer::{Page, newest_closed},
        decimal::fixed,
        fields::{Fields, Nonsense},
    },
};

/// Candles, newest first.
#[derive(Debug)]
pub(super) struct CandlePage {
    pub(super) question: Question,
    pub(super) rows: Vec<MarketCandle>,
    /// Rows are stamped when they closed, as they were in 2020.
    pub(super) is_close_stamped: bool,
    /// The moment of asking, unix seconds.
    pub(super) now: i64,
}

/// Days have neither seconds nor other days within.
const OF_DAYS: [Nonsense; 5] = [
    Nonsense::HighBelowLow,
    Nonsense::ZeroPrice,
    Nonsense::Null,
    Nonsense::TextNaN,
    Nonsense::TooLarge,
];
const WITHOUT_VOLUME: [Nonsense; 6] = [
    Nonsense::HighBelowLow,
    Nonsense::ZeroPrice,
    Nonsense::Null,
    Nonsense::TextNaN,
    Nonsense::OffGridTime,
    Nonsense::TooLarge,
];

impl CandlePage {
    /// A date, or a local time without an offset.
    fn stamp(&self, open_time: i64) -> String {
        let shift = if self.is_close_stamped { self.question.length } else { 0 };
        let at = DateTime::<Utc>::from_timestamp(open_time + shift, 0).unwrap_or_default();
        let function = self.question.function;
        if function.is_daily() {
            return at.format("%Y-%m-%d").to_string();
        }
        let local = match function.class() {
            AssetClass::Equity => at.with_timezone(&New_York).naive_local(),
            AssetClass::Fx | AssetClass::Crypto => at.naive_utc(),
        };
        local.format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Every row's fields, one of them possibly nonsense.
    fn fields(&self, bad_row: Option<(usize, Nonsense)>) -> impl Iterator<Item = Fields> {
        self.rows.iter().enumerate().map(move |(index, row)| match bad_row {
            Some((bad, nonsense)) if bad == index => nonsense.of(row, self.now, fixed),
            _ => Fields::of(row, fixed),
        })
    }

    fn csv(&self, bad_row: Option<(usize, Nonsense)>) -> Reply {
        let has_volume = self.question.function.has_volume();
        let mut table = "timestamp,open,high,low,close".to_owned();
        table.push_str(if has_volume { ",volume\r\n" } else { "\r\n" });
        for Fields { open_time, open, high, low, close, volume } in self.fields(bad_row) {
            table.push_str(&self.stamp(open_time));
            let volume = has_volume.then_some(&volume);
            for word in [&open, &high, &low, &close].into_iter().chain(volume) {
                table.push(',');
                table.push_str(word.plain());
            }
            table.push_str("\r\n");
        }
        table_reply(table)
    }

    fn json(&self, bad_row: Option<(usize, Nonsense)>) -> Reply {
        let newest = self.rows.first().map(|row| self.stamp(row.open_time)).unwrap_or_default();
        let about = meta::about(&self.question, newest).into_iter().zip(1..);
        let about: Vec<_> = about
            .map(|((name, value), number)| format!("        \"{number}. {name}\": \"{value}\""))
            .collect();
        let rows = self.fields(bad_row).map(|fields| {
            let mut row = format!("        \"{}\": {{", self.stamp(fields.open_time));
            let prices = [&fields.open, &fields.high, &fields.low, &fields.close];
            for ((name, word), number) in
                ["open", "high", "low", "close"].iter().zip(prices).zip(1..)
            {
                let comma = if number > 1 { "," } else { "" };
                let _ = write!(row, "{comma}\n            \"{number}. {name}\": {}", word.quoted());
            }
            let volume = match self.question.function {
                Function::FxIntraday | Function::FxDaily => None,
                // The one number that is not written as a text.
                Function::CryptoIntraday => Some(fields.volume.bare()),
                _ => Some(fields.volume.quoted()),
            };
            if let Some(volume) = volume {
                let _ = write!(row, ",\n            \"5. volume\": {volume}");
            }
            row.push_str("\n        }");
            row
        });
        let rows: Vec<_> = rows.collect();
        let body = format!(
            "{{\n    \"Meta Data\": {{\n{}\n    }},\n    \"{}\": {{\n{}\n    }}\n}}",
            about.join(",\n"),
            meta::key(&self.question),
            rows.join(",\n")
        );
        Reply { content_type: "application/json", ..Reply::json(200, body) }
    }
}

/// A table comes as a file to be saved.
pub(super) fn table_reply(table: String) -> Reply {
    let reply = Reply { content_type: "application/x-download", ..Reply::json(200, table) };
    reply.with("Content-Disposition", "attachment; filename=data.csv".to_owned())
}

impl Page for CandlePage {
    fn rows(&mut self) -> &mut Vec<MarketCandle> {
        &mut self.rows
    }

    fn newest_closed(&self) -> i64 {
        newest_closed(self.now, self.question.length)
    }

    fn spoil(&mut self, fault: Fault) -> bool {
        let is_spoiled = fault == Fault::CloseStamped && !self.question.function.is_daily();
        self.is_close_stamped |= is_spoiled;
        is_spoiled
    }

    fn nonsense(&self) -> &'static [Nonsense] {
        match (self.question.function.is_daily(), self.question.function.has_volume()) {
            (true, _) => &OF_DAYS,
            (false, false) => &WITHOUT_VOLUME,
            (false, true) => &Nonsense::ALL,
        }
    }

    fn write(&self, bad_row: Option<(usize, Nonsense)>) -> Reply {
        if self.question.is_csv { self.csv(bad_row) } else { self.json(bad_row) }
    }
}
