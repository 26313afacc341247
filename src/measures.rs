//! How well trading went: measures of returns, profits and equity.
//!
//! What is undefined is `None`, never 0 and never infinite: a ratio to no risk, a share of no loss, a
//! deviation of fewer than two returns.

/// What sums up numbers in any order and in parts; merging the tallies of the parts of a whole gives
/// that of the whole, up to rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    pub count: f64,
    pub mean: f64,
    /// The sum of squared distances from the mean.
    pub squares: f64,
    /// The sum of the squares of the numbers below 0.
    pub squares_below: f64,
    /// The sum of the numbers above 0.
    pub gains: f64,
    /// The sum of the numbers below 0, without their sign.
    pub losses: f64,
}

impl Tally {
    /// One more number (Welford 1962).
    pub fn add(&mut self, number: f64) {
        let loss = (-number).max(0.0);
        self.merge(Self {
            count: 1.0,
            mean: number,
            squares: 0.0,
            squares_below: loss * loss,
            gains: number.max(0.0),
            losses: loss,
        });
    }

    /// All the numbers of another one (Chan, Golub and `LeVeque` 1979).
    pub fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        if count == 0.0 {
            return;
        }
        let (distance, share) = (other.mean - self.mean, other.count / count);
        self.mean += distance * share;
        self.squares += other.squares + distance * distance * self.count * share;
        self.squares_below += other.squares_below;
        self.gains += other.gains;
        self.losses += other.losses;
        self.count = count;
    }

    /// The mean; of profits it is what a trade can be expected to bring.
    pub fn expectancy(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.mean)
    }

    /// `mean / deviation * sqrt(periods)` of returns in excess of what is free of risk, of which there
    /// are `periods` in a year; the deviation is that of a sample, `sqrt(Σ (r - mean)² / (n - 1))`
    /// (Sharpe 1994). `None` under two returns and where all are the same.
    pub fn sharpe(&self, periods: f64) -> Option<f64> {
        let deviation = (self.squares / (self.count - 1.0)).sqrt();
        // What rounding leaves of returns that are the same is no deviation.
        let is_risk = deviation > self.mean.abs() * f64::EPSILON * 4.0;
        (self.count >= 2.0 && is_risk).then(|| self.mean / deviation * periods.sqrt())
    }

    /// Like [`Self::sharpe`], but over the downside deviation `sqrt(Σ min(r, 0)² / n)`, n counting all
    /// returns (Sortino and Price 1994). `None` under two returns and without a loss.
    pub fn sortino(&self, periods: f64) -> Option<f64> {
        let downside = (self.squares_below / self.count).sqrt();
        (self.count >= 2.0 && downside > 0.0).then(|| self.mean / downside * periods.sqrt())
    }

    /// What was gained over what was lost. `None` without a loss.
    pub fn profit_factor(&self) -> Option<f64> {
        (self.losses > 0.0).then(|| self.gains / self.losses)
    }
}

/// How far an equity fell from its highest until then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawdown {
    /// The largest fall, as a share of the highest before it: 0.25 is a quarter. Above 1 where equity is
    /// below 0.
    pub deepest: f64,
    /// The largest number of values in a row that are below the highest before them.
    pub longest: usize,
}

/// The drawdown of an equity, oldest first. `None` unless the first value is above 0: there is no share
/// of nothing.
pub fn drawdown(equity: impl IntoIterator<Item = f64>) -> Option<Drawdown> {
    let mut equity = equity.into_iter();
    let mut highest = equity.next().filter(|first| *first > 0.0)?;
    let (mut found, mut length) = (Drawdown { deepest: 0.0, longest: 0 }, 0);
    for value in equity {
        length = if value < highest { length + 1 } else { 0 };
        highest = highest.max(value);
        found.longest = found.longest.max(length);
        found.deepest = found.deepest.max((highest - value) / highest);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally(numbers: &[f64]) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            tally.add(*number);
        }
        tally
    }

    #[test]
    fn by_hand() {
        // Mean 2, distances -1, -3, 4 (their squares 26), one loss.
        let of = tally(&[1.0, -1.0, 6.0]);
        assert_eq!(of.expectancy(), Some(2.0));
        assert!((of.sharpe(4.0).unwrap() - 2.0 * 2.0 / 13_f64.sqrt()).abs() < 1e-12);
        assert!((of.sortino(4.0).unwrap() - 2.0 * 2.0 * 3_f64.sqrt()).abs() < 1e-12);
        assert_eq!(of.profit_factor(), Some(7.0));
        let fall = drawdown([100.0, 120.0, 90.0, 100.0, 120.0, 119.0]).unwrap();
        assert_eq!(fall, Drawdown { deepest: 0.25, longest: 2 });
    }

    #[test]
    fn what_is_undefined_is_nothing() {
        assert_eq!(tally(&[]).expectancy(), None);
        assert_eq!((tally(&[0.1]).sharpe(365.0), tally(&[-0.1]).sortino(365.0)), (None, None));
        assert_eq!(tally(&[0.1; 30]).sharpe(365.0), None, "no deviation");
        assert_eq!(tally(&[0.1, 0.2]).sortino(365.0), None, "no loss");
        assert_eq!(tally(&[0.1, 0.2]).profit_factor(), None, "no loss");
        assert_eq!(tally(&[-0.1, -0.2]).profit_factor(), Some(0.0));
        for equity in [&[][..], &[0.0, 5.0], &[-5.0, 10.0]] {
            assert_eq!(drawdown(equity.iter().copied()), None, "{equity:?}");
        }
        assert_eq!(drawdown([7.0]), Some(Drawdown { deepest: 0.0, longest: 0 }));
    }

    fn returns() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-0.2..0.2_f64, 2..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parts_give_the_whole(returns in returns(), at in 0_usize..60) {
            let (first, second) = returns.split_at(at.min(returns.len()));
            let (mut parts, whole) = (tally(first), tally(&returns));
            parts.merge(tally(second));
            let pairs = [
                (parts.sharpe(365.0), whole.sharpe(365.0)),
                (parts.sortino(365.0), whole.sortino(365.0)),
                (parts.profit_factor(), whole.profit_factor()),
                (parts.expectancy(), whole.expectancy()),
            ];
            for (parts, whole) in pairs {
                prop_assert_eq!(parts.is_some(), whole.is_some());
                let (parts, whole) = (parts.unwrap_or(0.0), whole.unwrap_or(0.0));
                prop_assert!((parts - whole).abs() <= 1e-9 * (1.0 + whole.abs()), "{parts} {whole}");
            }
        }

        #[test]
        fn another_currency_changes_no_ratio(returns in returns()) {
            let scaled: Vec<f64> = returns.iter().map(|one| one * 1024.0).collect();
            let (own, scaled) = (tally(&returns), tally(&scaled));
            prop_assert_eq!(own.sharpe(252.0), scaled.sharpe(252.0));
            prop_assert_eq!(own.sortino(252.0), scaled.sortino(252.0));
            prop_assert_eq!(own.profit_factor(), scaled.profit_factor());
        }

        #[test]
        fn more_history_never_makes_a_drawdown_smaller(returns in returns(), at in 1_usize..60) {
            let mut equity = 100.0;
            let equity: Vec<f64> = returns.iter().map(|one| { equity *= 1.0 + one; equity }).collect();
            let part = drawdown(equity[..at.min(equity.len())].iter().copied()).unwrap();
            let whole = drawdown(equity).unwrap();
            prop_assert!(part.deepest <= whole.deepest && part.longest <= whole.longest);
            prop_assert!((0.0..1.0).contains(&whole.deepest));
        }
    }
}
