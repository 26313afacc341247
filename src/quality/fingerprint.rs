//! What one fault of a provider has in common: letters that differ in nothing but values are a group.

use sha2::{Digest, Sha256};

use super::DeadLetter;

/// The group that a dead letter belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Provider, expectation and twelve hexadecimal digits, between dots.
    pub name: String,
    /// Or `user`, where rows of a table of theirs were refused.
    pub provider: String,
    /// What the details of the group say, with `#` for numbers and `…` for what was quoted.
    pub pattern: String,
}

/// Of a pattern, in characters; what a provider says may be long.
const LONGEST: usize = 300;

impl DeadLetter {
    pub fn fingerprint(&self) -> Fingerprint {
        let subject = self.subject.to_string();
        let whose = subject.split('/').next().unwrap_or_default();
        // Of a table its layer: a dot parts the words of the name.
        let provider = whose.split('.').next().unwrap_or_default().to_owned();
        let pattern = pattern(&self.detail);
        let mut hash = Sha256::new();
        for part in [whose, &*self.expectation, &*pattern] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digits = u64::from_be_bytes(hash.finalize()[..8].try_into().unwrap_or_default()) >> 16;
        let name = format!("{provider}.{}.{digits:012x}", self.expectation);
        Fingerprint { name, provider, pattern }
    }
}

impl Fingerprint {
    /// Whether letters of the group of that name were refused for that expectation.
    pub fn is_of(name: &str, expectation: &str) -> bool {
        name.split('.').nth(1) == Some(expectation)
    }
}

/// The text without its values: signs, digits, and what holds digits together are a number, as are
/// several in a row; what stands in double quotes is a value as well.
fn pattern(detail: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in detail.split_whitespace() {
        let begins = !quoted && word.contains('"');
        let marks = word.matches('"').count();
        if quoted || begins {
            let (before, _) = word.split_once('"').unwrap_or_default();
            let after = word.rsplit_once('"').map_or("", |(_, after)| after);
            let ends = marks % 2 == usize::from(quoted);
            if begins {
                words.push(format!("{}\"…\"", numberless(before)));
            }
            if ends && let Some(last) = words.last_mut() {
                last.push_str(&numberless(after));
            }
            quoted = !ends;
            continue;
        }
        let word = numberless(word);
        if word != "#" || words.last().is_none_or(|last| last != "#") {
            words.push(word);
        }
    }
    words.join(" ").chars().take(LONGEST).collect()
}

fn numberless(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(digit) = rest.find(|c: char| c.is_ascii_digit()) {
        let sign = rest[..digit].ends_with(['-', '+', '.']);
        out.push_str(&rest[..digit - usize::from(sign)]);
        out.push('#');
        let is_part =
            |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | ':' | '.' | 'T' | 'e');
        let end = rest[digit..].find(|c| !is_part(c)).map_or(rest.len(), |end| digit + end);
        // What ends a sentence or begins a list is not of the number.
        let number = rest[digit..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        rest = &rest[digit + number.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn of(series: &str, expectation: &str, detail: &str) -> Fingerprint {
        let from = ("a test", DateTime::UNIX_EPOCH);
        let raw = bytes::Bytes::from_static(b"[]");
        let series = series.parse().unwrap();
        DeadLetter::new(series, None, expectation, detail.to_owned(), raw, from).fingerprint()
    }

    #[test]
    fn what_differs_in_numbers_and_quotes_is_one_pattern() {
        for (detail, expected) in [
            ("high 93591.37 is below low 93591.38", "high # is below low #"),
            ("volume -3.5 is negative", "volume # is negative"),
            (
                "open time 2024-03-06 10:00:07 UTC is no multiple of 1m",
                "open time # UTC is no multiple of #m",
            ),
            ("time_published \"2024 x\" is no time", "time_published \"…\" is no time"),
            ("start \"\" is no time", "start \"…\" is no time"),
            (
                "invalid type: string \"NaN\", expected f64 at line 1 column 30",
                "invalid type: string \"…\", expected f# at line # column #",
            ),
            ("outside 2024-03-06T10:00:00Z to 2024-03-06T11:00:00Z.", "outside #Z to #Z."),
            ("1e-5 +7 .5, 12:", "# #, #:"),
            ("no numbers \"cut", "no numbers \"…\""),
            ("", ""),
        ] {
            assert_eq!(pattern(detail), expected, "{detail}");
        }
        assert_eq!(pattern(&"ä ".repeat(1_000)).chars().count(), LONGEST);
    }

    #[test]
    fn a_fault_of_one_provider_is_one_group_whatever_its_series() {
        let one = of("coinbase/BTCUSD/1m", "on_grid", "open time 1 is no multiple of 1m");
        let other = of("coinbase/ETHUSD/1h", "on_grid", "open time 99 is no multiple of 1m");
        assert_eq!(one, other);
        assert!(one.name.starts_with("coinbase.on_grid."), "{one:?}");
        let is_of = |expectation| Fingerprint::is_of(&one.name, expectation);
        assert!(is_of("on_grid") && !is_of("finite"));
        for other in [
            of("oanda/EURUSD/1m", "on_grid", "open time 1 is no multiple of 1m"),
            of("coinbase/BTCUSD/1m", "in_window", "open time 1 is no multiple of 1m"),
            of("coinbase/BTCUSD/1m", "on_grid", "open time 1 is odd"),
        ] {
            assert_ne!(one.name, other.name);
        }
        assert_eq!(of("alpha_vantage/macro/CPI", "finite", "x").provider, "alpha_vantage");
    }
}
