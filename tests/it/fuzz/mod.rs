//! What strangers write, a little wrong in every way: real texts, changed at random but from a seed.
//!
//! A few seconds by default; `BARKEEP_FUZZ_ROUNDS` says how many texts each test tries, and
//! `BARKEEP_FUZZ_SEED` has it try other ones.

mod log;
mod sql;
mod times;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// What whoever runs the tests asks for in the environment.
pub(crate) fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the daemon")]
    let said = std::env::var(name).ok()?;
    Some(said.parse().unwrap())
}

fn rounds(usual: u64) -> u64 {
    setting("BARKEEP_FUZZ_ROUNDS").unwrap_or(usual)
}

/// Time stands still, and all that is asked is asked within a second.
const UNLIMITED: (&str, &str) = ("SERVER__REQUESTS_PER_SECOND", "1000000000");

/// Texts that differ a little from those given.
struct Mutations {
    random: StdRng,
    seeds: Vec<Vec<u8>>,
    /// What is put in: the words of the seeds, and what has been trouble elsewhere.
    parts: Vec<Vec<u8>>,
}

const TROUBLE: [&str; 16] = [
    "",
    "\0",
    "'",
    "\"",
    "(",
    ")",
    ";",
    "--",
    "/*",
    "\\u0000",
    "-1",
    "99999999999999999999",
    "1e999",
    "\u{202e}",
    "é",
    "null",
];

impl Mutations {
    fn of<T: AsRef<[u8]>>(seeds: &[T]) -> Self {
        let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_ref().to_vec()).collect();
        let is_between = |byte: &u8| b" ,:{}[]".contains(byte);
        let words = seeds.iter().flat_map(|seed| seed.split(is_between));
        let trouble = TROUBLE.iter().map(|text| text.as_bytes());
        let parts = words.chain(trouble).map(<[u8]>::to_vec).collect();
        let random = StdRng::seed_from_u64(setting("BARKEEP_FUZZ_SEED").unwrap_or(1));
        Self { random, seeds, parts }
    }

    fn next(&mut self) -> Vec<u8> {
        let mut text = self.seeds[self.random.random_range(0..self.seeds.len())].clone();
        for _ in 0..self.random.random_range(1..=6) {
            let (from, until) = self.range(text.len());
            match self.random.random_range(0..5) {
                0 => drop(text.drain(from..until)),
                1 => {
                    let again = text[from..until].to_vec();
                    text.splice(until..until, again);
                }
                2 => {
                    let part = self.random.random_range(0..self.parts.len());
                    text.splice(from..until, self.parts[part].iter().copied());
                }
                3 => {
                    let other = &self.seeds[self.random.random_range(0..self.seeds.len())].clone();
                    let (first, last) = self.range(other.len());
                    text.splice(from..from, other[first..last].iter().copied());
                }
                _ => {
                    if let Some(byte) = text.get_mut(from) {
                        *byte = self.random.random();
                    }
                }
            }
        }
        text
    }

    /// Whatever has become of the letters.
    fn next_text(&mut self) -> String {
        String::from_utf8_lossy(&self.next()).into_owned()
    }

    /// A part of something of that length, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.random.random_range(0..=length);
        let most = if self.random.random_bool(0.8) { 12 } else { length };
        (from, self.random.random_range(from..=length.min(from + most)))
    }
}
