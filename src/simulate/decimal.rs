//! Exact decimals: whole units and where the point stands.

/// Appends `units` with the point `decimals` digits from the right, in plain notation and without
/// the zeros a decimal may end in.
pub(super) fn write_decimal(out: &mut Vec<u8>, units: i64, decimals: u8) {
    let mut rest = units.unsigned_abs();
    let mut places = decimals;
    while places > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        places -= 1;
    }
    let mut text = [0_u8; 40];
    let mut at = text.len();
    let mut put = |byte| {
        at -= 1;
        text[at] = byte;
    };
    for _ in 0..places {
        put(last_digit(rest));
        rest /= 10;
    }
    if places > 0 {
        put(b'.');
    }
    loop {
        put(last_digit(rest));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if units < 0 {
        put(b'-');
    }
    out.extend_from_slice(&text[at..]);
}

/// `units` of the last of `decimals` digits, as text.
pub(super) fn decimal(units: i64, decimals: u8) -> String {
    let mut text = Vec::new();
    write_decimal(&mut text, units, decimals);
    String::from_utf8_lossy(&text).into_owned()
}

/// The same with all of its zeros.
pub(super) fn fixed(units: i64, decimals: u8) -> String {
    let digits = units.unsigned_abs().to_string();
    let sign = if units < 0 { "-" } else { "" };
    let places = usize::from(decimals);
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// Both operands are whole and below 2^53, so the division rounds once, as reading the text does.
pub(super) fn nearest(units: i64, decimals: u8) -> f64 {
    units as f64 / 10_i64.pow(u32::from(decimals)) as f64
}

fn last_digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_written_like_the_exchange_writes_them() {
        let cases = [
            (0, 8, "0"),
            (1, 8, "0.00000001"),
            (10_317_566_980, 8, "103.1756698"),
            (11_500_000, 2, "115000"),
            (11_528_490, 2, "115284.9"),
            (-5, 2, "-0.05"),
            (1_756_004_400, 0, "1756004400"),
            (i64::MIN, 8, "-92233720368.54775808"),
        ];
        for (units, decimals, expected) in cases {
            assert_eq!(decimal(units, decimals), expected);
        }
    }

    proptest! {
        #[test]
        fn text_reads_back_to_the_same_units_and_the_same_float(
            units in -(1_i64 << 53)..1_i64 << 53,
            decimals in 0_u8..=12,
        ) {
            let text = decimal(units, decimals);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let digits = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
            prop_assert_eq!(digits.parse::<i64>().unwrap(), units);
            prop_assert_eq!(text.parse::<f64>().unwrap(), nearest(units, decimals));
            let fixed = fixed(units, decimals);
            prop_assert_eq!(fixed.parse::<f64>().unwrap(), nearest(units, decimals));
            let places = fixed.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            prop_assert_eq!(places, usize::from(decimals));
        }
    }
}
