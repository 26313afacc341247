//! Where the price of an instrument stands at each minute: smooth noise on several time scales.

/// A time scale of the price path: lattice points every `1 << shift` minutes.
struct Octave {
    shift: u32,
    /// Greatest departure, in units of the price's natural logarithm.
    amplitude: f64,
}

/// From minute jitter over hours, days and weeks to cycles of years.
const OCTAVES: [Octave; 6] = [
    Octave { shift: 0, amplitude: 0.000_4 },
    Octave { shift: 4, amplitude: 0.002 },
    Octave { shift: 8, amplitude: 0.008 },
    Octave { shift: 12, amplitude: 0.04 },
    Octave { shift: 16, amplitude: 0.15 },
    Octave { shift: 20, amplitude: 0.5 },
];

/// An instrument's whole price path; a value of it, not a place on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PricePath {
    /// What makes this instrument's chances differ from another's.
    pub(super) key: u64,
    /// The price the path swings around, in ticks.
    pub(super) base_ticks: f64,
    /// How far it swings; crypto is 1.
    pub(super) swing: f64,
}

impl PricePath {
    pub(super) fn walk(self) -> PriceWalk {
        PriceWalk { path: self, cells: [Cell::NOWHERE; OCTAVES.len()], last: (i64::MIN, 0) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    index: i64,
    left: f64,
    right: f64,
}

impl Cell {
    const NOWHERE: Self = Self { index: i64::MIN, left: 0.0, right: 0.0 };
}

/// A reader of a price path that remembers the last lattice points, as minutes are read in order.
#[derive(Debug, Clone)]
pub(super) struct PriceWalk {
    path: PricePath,
    cells: [Cell; OCTAVES.len()],
    last: (i64, i64),
}

impl PriceWalk {
    /// Price at the beginning and at the end of a minute, in ticks.
    pub(super) fn open_and_close(&mut self, minute: i64) -> (i64, i64) {
        let open = if self.last.0 == minute { self.last.1 } else { self.ticks_at(minute) };
        let close = self.ticks_at(minute + 1);
        self.last = (minute + 1, close);
        (open, close)
    }

    fn ticks_at(&mut self, minute: i64) -> i64 {
        let mut exponent = 0.0;
        for (octave, cell) in OCTAVES.iter().zip(&mut self.cells) {
            let index = minute >> octave.shift;
            if cell.index != index {
                let key = self.path.key ^ u64::from(octave.shift + 1);
                cell.left = lattice(key, index);
                cell.right = lattice(key, index + 1);
                cell.index = index;
            }
            let width = (1_i64 << octave.shift) as f64;
            let along = (minute - (index << octave.shift)) as f64 / width;
            let smooth = along * along * (3.0 - 2.0 * along);
            exponent += octave.amplitude * (cell.left + (cell.right - cell.left) * smooth);
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounding a positive price to ticks")]
        let ticks = (self.path.base_ticks * exponential(exponent * self.path.swing) + 0.5) as i64;
        ticks.max(1)
    }
}

/// (1 + x/1024)^1024: near enough to e^x, and unlike the library's the same on every machine.
fn exponential(exponent: f64) -> f64 {
    let mut power = 1.0 + exponent / 1024.0;
    for _ in 0..10 {
        power *= power;
    }
    power
}

/// The noise at a lattice point, within -1 and 1.
fn lattice(key: u64, index: i64) -> f64 {
    (hash(key, index) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// A number that looks random and depends on nothing else (the finalizer of splitmix64).
pub(super) fn hash(key: u64, number: i64) -> u64 {
    let number = number.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // Keys differ in few bits, so they are spread before numbers are added to them.
    let mut bits = key.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32).wrapping_add(number);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_reads_the_same_price_wherever_it_comes_from() {
        let path = PricePath { key: 42, base_ticks: 6_000_000.0, swing: 1.0 };
        let mut walk = path.walk();
        for minute in (25_000_000..25_003_000).chain((24_000_000..24_000_500).rev()) {
            assert_eq!(walk.open_and_close(minute), path.walk().open_and_close(minute));
        }
    }

    #[test]
    fn the_price_moves_but_does_not_jump() {
        let mut walk = PricePath { key: 42, base_ticks: 6_000_000.0, swing: 1.0 }.walk();
        let mut distinct = std::collections::HashSet::new();
        for minute in 25_000_000..25_010_000 {
            let (open, close) = walk.open_and_close(minute);
            assert!((close - open).abs() * 100 < open, "{minute}: {open} to {close}");
            distinct.insert(close);
        }
        assert!(distinct.len() > 5_000, "{} prices", distinct.len());
    }

    #[test]
    fn the_exponential_is_near_the_librarys() {
        for exponent in [-0.7, -0.01, 0.0, 0.3, 0.7_f64] {
            assert!((exponential(exponent) / exponent.exp() - 1.0).abs() < 1e-3);
        }
    }
}
