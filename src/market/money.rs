//! Amounts of money, exactly.

use std::{fmt, str::FromStr};

use super::ParseError;

/// A decimal number of at most 38 digits, 12 of them after the point, as `decimal(38, 12)` of the lake
/// holds it. It is read from plain and scientific notation, like `-0.25` and `0E-30`; what comes after
/// the twelfth digit is rounded to it, halves to the even neighbour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money(i128);

impl Money {
    /// Digits of the largest amount.
    pub const DIGITS: u8 = 38;
    /// Digits after the point.
    pub const SCALE: i8 = 12;

    const LARGEST: i128 = 10_i128.pow(38) - 1;

    /// So many trillionths; `None` if they have more than 38 digits.
    pub fn of_mantissa(mantissa: i128) -> Option<Self> {
        (mantissa.abs() <= Self::LARGEST).then_some(Self(mantissa))
    }

    /// In trillionths.
    pub const fn mantissa(self) -> i128 {
        self.0
    }

    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The nearest floating-point number, to compare but not to keep.
    pub fn approximate(self) -> f64 {
        self.0 as f64 / 10_f64.powi(Self::SCALE.into())
    }
}

impl fmt::Display for Money {
    /// In plain notation, without zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_u128.pow(Self::SCALE.unsigned_abs().into());
        let (whole, rest) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        let sign = if self.0 < 0 { "-" } else { "" };
        let digits = format!("{rest:012}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            digits => write!(f, "{sign}{whole}.{digits}"),
        }
    }
}

impl FromStr for Money {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let bad = |fix| ParseError { what: "amount", given: given.to_owned(), fix };
        let number = read(given).ok_or_else(|| bad("write a decimal number, like 1.19111"))?;
        let mantissa = scaled(&number).and_then(Self::of_mantissa);
        mantissa.ok_or_else(|| bad("use at most 26 digits before the point"))
    }
}

/// The digits of a number, and the power of ten by which their whole is multiplied.
struct Number {
    is_negative: bool,
    /// Without zeros before the first other digit.
    digits: String,
    exponent: i64,
}

fn read(text: &str) -> Option<Number> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent = i64::from(exponent.parse::<i32>().ok()?) - i64::try_from(fraction.len()).ok()?;
    let digits = digits.trim_start_matches('0').to_owned();
    Some(Number { is_negative, digits, exponent })
}

/// In trillionths; `None` if they are too many.
fn scaled(Number { is_negative, digits, exponent }: &Number) -> Option<i128> {
    if digits.is_empty() {
        return Some(0);
    }
    let kept = i64::try_from(digits.len()).ok()? + exponent + i64::from(Money::SCALE);
    let Ok(kept) = usize::try_from(kept) else { return Some(0) };
    if kept > usize::from(Money::DIGITS) {
        return None;
    }
    let cut = kept.min(digits.len());
    let whole: i128 = format!("0{:0<kept$}", &digits[..cut]).parse().ok()?;
    let rounded = whole + i128::from(rounds_up(whole, &digits[cut..]));
    Some(if *is_negative { -rounded } else { rounded })
}

fn rounds_up(whole: i128, rest: &str) -> bool {
    let is_half = rest.starts_with('5') && rest[1..].bytes().all(|digit| digit == b'0');
    if is_half {
        whole % 2 == 1
    } else {
        rest.as_bytes().first().is_some_and(|first| *first >= b'5')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_however_they_are_written() {
        for (text, expected) in [
            ("0E-30", "0"),
            ("-0.00", "0"),
            ("1.19111", "1.19111"),
            ("+2101.0", "2101"),
            ("50074.99999999999", "50074.99999999999"),
            ("1.5e3", "1500"),
            ("25E-1", "2.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-1e-12", "-0.000000000001"),
            ("0.0000000000005", "0"),
            ("0.0000000000015", "0.000000000002"),
            ("0.00000000000050001", "0.000000000001"),
            ("1e-400", "0"),
            ("0.0000199700449326011", "0.000019970045"),
            ("99999999999999999999999999.999999999999", "99999999999999999999999999.999999999999"),
        ] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), expected, "{text}");
        }
        for bad in
            ["", "-", ".", "1e", "e5", "1,5", "NaN", "inf", "0x1", "1.2.3", "--1", "1e99999999999"]
        {
            assert!(bad.parse::<Money>().unwrap_err().fix.starts_with("write"), "{bad:?}");
        }
        for large in
            ["1e26", "100000000000000000000000000", "99999999999999999999999999.9999999999995"]
        {
            assert!(large.parse::<Money>().unwrap_err().fix.starts_with("use at most"), "{large}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_what_it_writes(mantissa in -Money::LARGEST..=Money::LARGEST) {
            let amount = Money::of_mantissa(mantissa).unwrap();
            prop_assert_eq!(amount.to_string().parse::<Money>().unwrap(), amount);
            let scientific = format!("{mantissa}E-12");
            prop_assert_eq!(scientific.parse::<Money>().unwrap(), amount);
        }
    }
}
