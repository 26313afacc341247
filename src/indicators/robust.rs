//! How unusual a value is, measured so that what is unusual does not hide itself.

/// Of each value: how far it is from the median of those before it, in spreads.
#[derive(Debug, Clone)]
pub struct Unusual {
    /// `(value - median) / spread`; NaN where the spread is 0.
    pub z: Vec<f64>,
    /// The median of the `n` values before.
    pub median: Vec<f64>,
    /// 1.4826 times the median distance from the median (MAD): of normally distributed values it is their
    /// standard deviation.
    pub spread: Vec<f64>,
}

/// Makes the median distance a standard deviation where values are normally distributed.
const NORMAL: f64 = 1.482_602_218_505_602;

/// The robust z-score (Iglewicz and Hoaglin 1993) of each value against the `n` before it. A value that
/// is not there is passed over; where fewer than half of the `n` are there the score is NaN.
pub fn robust_z(values: &[f64], n: usize) -> Unusual {
    let blank = || vec![f64::NAN; values.len()];
    let mut all = Unusual { z: blank(), median: blank(), spread: blank() };
    let mut window: Vec<f64> = Vec::with_capacity(n);
    for (at, value) in values.iter().enumerate() {
        if 2 * window.len() >= n {
            let median = median(&window);
            let spread = NORMAL * distance(&window, median);
            all.median[at] = median;
            all.spread[at] = spread;
            all.z[at] = if spread > 0.0 { (value - median) / spread } else { f64::NAN };
        }
        if at >= n && !values[at - n].is_nan() {
            let oldest = place(&window, values[at - n]);
            window.remove(oldest);
        }
        if !value.is_nan() {
            window.insert(place(&window, *value), *value);
        }
    }
    all
}

/// Where in the sorted window a value is, or would be.
fn place(window: &[f64], value: f64) -> usize {
    window.partition_point(|other| *other < value)
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

/// The median of the distances from the median: they grow to both sides of it, so the nearest are merged
/// from both until half of them are.
fn distance(sorted: &[f64], median: f64) -> f64 {
    let mut above = place(sorted, median);
    let mut below = above;
    let mut nearest = || {
        let down = below.checked_sub(1).map_or(f64::INFINITY, |at| median - sorted[at]);
        let up = sorted.get(above).map_or(f64::INFINITY, |value| value - median);
        if down <= up {
            below -= 1;
            down
        } else {
            above += 1;
            up
        }
    };
    let half = sorted.len() / 2;
    let mut last = (0.0, 0.0);
    for _ in 0..=half {
        last = (last.1, nearest());
    }
    if sorted.len() % 2 == 1 { last.1 } else { f64::midpoint(last.0, last.1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the definition says, for one window.
    fn slowly(window: &[f64], value: f64) -> (f64, f64, f64) {
        let middle = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            median(&values)
        };
        let median = middle(window.to_vec());
        let spread = NORMAL * middle(window.iter().map(|other| (other - median).abs()).collect());
        ((value - median) / spread, median, spread)
    }

    #[test]
    fn by_hand() {
        let all = robust_z(&[1.0, 2.0, 4.0, 8.0, 100.0], 4);
        // Before the last: median 3, distances 2, 1, 1, 5, their median 1.5.
        assert!((all.z[4] - 97.0 / (1.5 * NORMAL)).abs() < 1e-12, "{:?}", all.z);
        assert_eq!((all.median[4], all.median[2]), (3.0, 1.5));
        assert!(all.z[1].is_nan(), "one of four before it is not enough");
        assert!(
            robust_z(&[5.0; 9], 4).z.iter().all(|z| z.is_nan()),
            "without spread nothing is far"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_sliding_window_gives_what_each_window_gives(
            values in prop::collection::vec(prop::option::weighted(0.9, -50_i32..50), 1..80), n in 1_usize..20,
        ) {
            let values: Vec<f64> =
                values.iter().map(|one| one.map_or(f64::NAN, f64::from)).collect();
            let all = robust_z(&values, n);
            for (at, value) in values.iter().enumerate() {
                let window: Vec<f64> =
                    values[at.saturating_sub(n)..at].iter().copied().filter(|one| !one.is_nan()).collect();
                if 2 * window.len() < n {
                    prop_assert!(all.z[at].is_nan() && all.median[at].is_nan());
                    continue;
                }
                let (z, median, spread) = slowly(&window, *value);
                prop_assert_eq!((all.median[at], all.spread[at]), (median, spread));
                let is_same = all.z[at] == z || all.z[at].is_nan() && (z.is_nan() || spread == 0.0);
                prop_assert!(is_same, "{} {}", all.z[at], z);
            }
        }
    }
}
