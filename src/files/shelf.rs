//! Candles of any number of files, in any order, given back in order of time. They are kept on the
//! disk: years of them do not fit into memory.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt};

use chrono::{DateTime, Utc};

use crate::market::{Candle, Candles, Timeframe, Window};

/// Places on the grid of one compartment.
const PLACES: i64 = 50_000;
/// Open time, four prices and a volume, eight bytes each.
const WIDTH: usize = 6 * 8;

/// Takes candles in and gives back those of a window. Its file has no name and is gone with it.
#[derive(Debug)]
pub struct Shelf {
    timeframe: Timeframe,
    file: File,
    end: u64,
    compartments: BTreeMap<i64, Vec<Block>>,
    span: Option<Window>,
}

/// Candles of one compartment that came together.
#[derive(Debug, Clone, Copy)]
struct Block {
    offset: u64,
    bytes: usize,
}

impl Shelf {
    pub fn new(timeframe: Timeframe) -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        Ok(Self { timeframe, file, end: 0, compartments: BTreeMap::new(), span: None })
    }

    /// From the first open time to the end of the last candle.
    pub const fn span(&self) -> Option<Window> {
        self.span
    }

    pub fn add(&mut self, candles: &Candles) -> io::Result<()> {
        let mut parts: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
        for candle in candles.iter() {
            let window = Window::of_candles(candle.open_time, self.timeframe, 1);
            self.span = Some(self.span.map_or(window, |span| span.hull(window)));
            parts.entry(self.place(candle.open_time)).or_default().extend(written(&candle));
        }
        for (place, part) in parts {
            self.file.write_all_at(&part, self.end)?;
            let block = Block { offset: self.end, bytes: part.len() };
            self.compartments.entry(place).or_default().push(block);
            self.end += part.len() as u64;
        }
        Ok(())
    }

    /// What opens in `window`, oldest first; candles of one open time in the order in which they came.
    pub fn candles(&self, window: Window) -> io::Result<Vec<Candle>> {
        let mut candles = Vec::new();
        if window.is_empty() {
            return Ok(candles);
        }
        let places = self.place(window.start)..=self.place(window.end);
        let mut part = Vec::new();
        for block in self.compartments.range(places).flat_map(|(_, blocks)| blocks) {
            part.resize(block.bytes, 0);
            self.file.read_exact_at(&mut part, block.offset)?;
            let read = part.as_chunks::<WIDTH>().0.iter().map(read);
            candles.extend(read.filter(|candle| window.contains(candle.open_time)));
        }
        candles.sort_by_key(|candle| candle.open_time);
        Ok(candles)
    }

    fn place(&self, at: DateTime<Utc>) -> i64 {
        at.timestamp_micros().div_euclid(self.timeframe.micros() * PLACES)
    }
}

/// NaN stands for no volume: no file has a volume that is none of the numbers.
fn written(candle: &Candle) -> [u8; WIDTH] {
    let Candle { open_time, open, high, low, close, volume } = *candle;
    let numbers = [open, high, low, close, volume.unwrap_or(f64::NAN)].map(f64::to_bits);
    let mut bytes = [0; WIDTH];
    let words = std::iter::once(open_time.timestamp_micros().cast_unsigned()).chain(numbers);
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    bytes
}

fn read(bytes: &[u8; WIDTH]) -> Candle {
    let word = |n: usize| u64::from_le_bytes(bytes.as_chunks::<8>().0[n]);
    let number = |n| f64::from_bits(word(n));
    let open_time = DateTime::from_timestamp_micros(word(0).cast_signed());
    Candle {
        open_time: open_time.unwrap_or(DateTime::<Utc>::MIN_UTC),
        open: number(1),
        high: number(2),
        low: number(3),
        close: number(4),
        volume: Some(number(5)).filter(|volume| !volume.is_nan()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candle(place: i64, number: f64) -> Candle {
        let open_time = DateTime::from_timestamp(place * 60, 0).unwrap();
        let volume = (place % 2 == 0).then_some(number);
        Candle { open_time, open: number, high: 1e300, low: -0.0, close: 0.1, volume }
    }

    proptest! {
        #[test]
        fn what_comes_in_any_order_is_given_back_in_order(
            pieces in prop::collection::vec(
                prop::collection::vec(-120_000_i64..120_000, 0..40), 0..8,
            ),
            start in -130_000_i64..130_000,
            length in 0_i64..200_000,
        ) {
            let mut shelf = Shelf::new(Timeframe::M1).unwrap();
            let mut all = Vec::new();
            for piece in &pieces {
                let of = |(n, place): (usize, &i64)| candle(*place, (all.len() + n) as f64);
                let piece: Candles = piece.iter().enumerate().map(of).collect();
                shelf.add(&piece).unwrap();
                all.extend(piece.iter());
            }
            all.sort_by_key(|candle| candle.open_time);
            let whole = all.first().zip(all.last()).map(|(first, last)| {
                Window::new(first.open_time, last.open_time + Timeframe::M1.duration())
            });
            prop_assert_eq!(shelf.span(), whole);
            let start = DateTime::from_timestamp(start * 60, 0).unwrap();
            let window = Window::of_candles(start, Timeframe::M1, length);
            let mut given = Vec::new();
            for stretch in window.chunks(Timeframe::M1, 7_001) {
                given.extend(shelf.candles(stretch).unwrap());
            }
            prop_assert_eq!(&given, &shelf.candles(window).unwrap());
            all.retain(|candle| window.contains(candle.open_time));
            prop_assert_eq!(given, all);
        }
    }
}
