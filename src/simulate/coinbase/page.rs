//! Rows as Coinbase Exchange writes them: `[[time, low, high, open, close, volume], …]`.

use crate::simulate::{
    MarketCandle, Reply,
    answer::{Page, newest_closed},
    decimal::decimal,
    fields::{Fields, Nonsense, Word},
};

/// Candles, newest first.
#[derive(Debug)]
pub(super) struct CandlePage {
    pub(super) rows: Vec<MarketCandle>,
    pub(super) granularity: i64,
    /// The moment of asking, unix seconds.
    pub(super) now: i64,
}

impl Page for CandlePage {
    fn rows(&mut self) -> &mut Vec<MarketCandle> {
        &mut self.rows
    }

    fn newest_closed(&self) -> i64 {
        newest_closed(self.now, self.granularity)
    }

    fn write(&self, bad_row: Option<(usize, Nonsense)>) -> Reply {
        let mut body = Vec::with_capacity(2 + self.rows.len() * 72);
        body.push(b'[');
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            match bad_row {
                Some((bad, nonsense)) if bad == index => {
                    let fields = nonsense.of(row, self.now, decimal);
                    body.extend_from_slice(list(&fields).as_bytes());
                }
                _ => row.write_row(&mut body),
            }
        }
        body.push(b']');
        Reply::json(200, body)
    }
}

fn list(fields: &Fields) -> String {
    let Fields { open_time, open, high, low, close, volume } = fields;
    let values = [low, high, open, close, volume].map(Word::bare);
    format!("[{open_time},{}]", values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: MarketCandle = MarketCandle {
        open_time: 99_960,
        open: 1_000,
        high: 1_010,
        low: 990,
        close: 1_001,
        volume: 250_000_000,
        price_decimals: 2,
        volume_decimals: 8,
    };

    #[test]
    fn nonsense_is_written_as_named() {
        let expected = [
            "[99960,9.9,9.89,10,10.01,2.5]",
            "[99960,9.9,10.1,10,10.01,-2.5]",
            "[99960,9.9,10.1,10,0,2.5]",
            "[99960,9.9,10.1,null,10.01,2.5]",
            "[99960,9.9,10.1,10,\"NaN\",2.5]",
            "[99967,9.9,10.1,10,10.01,2.5]",
            "[259200,9.9,10.1,10,10.01,2.5]",
            "[99960,9.9,1e400,10,10.01,2.5]",
        ];
        let page = CandlePage { rows: vec![ROW; 3], granularity: 60, now: 100_020 };
        let good = "[99960,9.9,10.1,10,10.01,2.5]";
        for (nonsense, bad) in Nonsense::ALL.into_iter().zip(expected) {
            let body = String::from_utf8(page.write(Some((1, nonsense))).body).unwrap();
            assert_eq!(body, format!("[{good},{bad},{good}]"));
        }
    }
}
