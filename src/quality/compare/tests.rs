//! Every fault that is put in is found, nothing else is, and it does not matter which side is which.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

const EXACT: Tolerance = Tolerance { price: 0.0, volume: Some(0.0) };
const ALL: usize = usize::MAX;

fn at(minute: usize) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(i64::try_from(minute).unwrap())
}

fn candle(minute: usize) -> Candle {
    Candle {
        open_time: at(minute),
        open: 100.0,
        high: 103.0,
        low: 99.5,
        close: 101.25,
        volume: minute.is_multiple_of(3).then_some(7.0),
    }
}

fn set(candle: &mut Candle, field: Field, value: f64) {
    match field {
        Field::Open => candle.open = value,
        Field::High => candle.high = value,
        Field::Low => candle.low = value,
        Field::Close => candle.close = value,
        Field::Volume => candle.volume = Some(value),
    }
}

fn compared(a: &[Candle], b: &[Candle], tolerance: Tolerance) -> Comparison {
    let mut comparison = Comparison::new(tolerance, ALL);
    comparison.add(a.iter().copied(), b.iter().copied());
    comparison
}

/// What was done to one candle.
#[derive(Debug, Clone)]
enum Deed {
    Nothing,
    Lost {
        from_a: bool,
    },
    Changed {
        fields: Vec<Field>,
    },
    /// So many times more than once.
    Repeated {
        in_a: bool,
        times: usize,
    },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let fields = prop::sample::subsequence(&Field::ALL[..], 1..=Field::ALL.len());
    let deed = prop_oneof![
        6 => Just(Deed::Nothing),
        1 => any::<bool>().prop_map(|from_a| Deed::Lost { from_a }),
        1 => fields.prop_map(|fields| Deed::Changed { fields }),
        1 => (any::<bool>(), 1_usize..3).prop_map(|(in_a, times)| Deed::Repeated { in_a, times }),
    ];
    prop::collection::vec(deed, 0..60)
}

type Told = (DateTime<Utc>, Fault, Vec<Field>);

/// Both sides, and what has to be said of them.
fn staged(deeds: &[Deed]) -> (Vec<Candle>, Vec<Candle>, Vec<Told>) {
    let (mut a, mut b, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (minute, deed) in deeds.iter().enumerate() {
        let candle = candle(minute);
        let (mut of_a, mut of_b) = (vec![candle], vec![candle]);
        match deed {
            Deed::Nothing => {}
            Deed::Lost { from_a: true } => {
                of_a.clear();
                told.push((at(minute), Fault::MissingInA, vec![]));
            }
            Deed::Lost { from_a: false } => {
                of_b.clear();
                told.push((at(minute), Fault::MissingInB, vec![]));
            }
            Deed::Changed { fields } => {
                for field in fields {
                    set(&mut of_b[0], *field, 100.5);
                }
                told.push((at(minute), Fault::Changed, fields.clone()));
            }
            Deed::Repeated { in_a, times } => {
                let (side, fault) = match in_a {
                    true => (&mut of_a, Fault::DuplicateInA),
                    false => (&mut of_b, Fault::DuplicateInB),
                };
                for _ in 0..*times {
                    side.push(candle);
                    told.push((at(minute), fault, vec![]));
                }
            }
        }
        a.extend(of_a);
        b.extend(of_b);
    }
    (a, b, told)
}

fn told(comparison: &Comparison) -> Vec<Told> {
    let one = |difference: &Difference| {
        let open_time = difference.a.or(difference.b).unwrap().open_time;
        (open_time, difference.fault, difference.fields.clone())
    };
    comparison.differences().iter().map(one).collect()
}

const fn mirrored(fault: Fault) -> Fault {
    match fault {
        Fault::MissingInA => Fault::MissingInB,
        Fault::MissingInB => Fault::MissingInA,
        Fault::Changed => Fault::Changed,
        Fault::DuplicateInA => Fault::DuplicateInB,
        Fault::DuplicateInB => Fault::DuplicateInA,
    }
}

proptest! {
    #[test]
    fn every_fault_is_found_and_nothing_else(deeds in deeds()) {
        let (a, b, expected) = staged(&deeds);
        let comparison = compared(&a, &b, EXACT);
        prop_assert_eq!(&told(&comparison), &expected);
        let counts = comparison.counts();
        let number = |fault| expected.iter().filter(|told| told.1 == fault).count() as u64;
        let expected_counts = Counts {
            compared: deeds.len() as u64,
            same: deeds.len() as u64
                - number(Fault::MissingInA) - number(Fault::MissingInB) - number(Fault::Changed),
            changed: number(Fault::Changed),
            missing_in_a: number(Fault::MissingInA),
            missing_in_b: number(Fault::MissingInB),
            duplicates_in_a: number(Fault::DuplicateInA),
            duplicates_in_b: number(Fault::DuplicateInB),
        };
        prop_assert_eq!(counts, expected_counts);
        prop_assert_eq!(counts.differences(), expected.len() as u64);
        prop_assert_eq!(counts.is_same(), expected.is_empty());
        for (field, change) in comparison.changes() {
            let number = expected.iter().filter(|told| told.2.contains(&field)).count();
            prop_assert_eq!(change.changed, number as u64);
        }
    }

    #[test]
    fn it_does_not_matter_which_side_is_which(deeds in deeds()) {
        let (a, b, _) = staged(&deeds);
        let (there, back) = (compared(&a, &b, EXACT), compared(&b, &a, EXACT));
        let turned: Vec<Told> = told(&back)
            .into_iter()
            .map(|(at, fault, fields)| (at, mirrored(fault), fields))
            .collect();
        prop_assert_eq!(told(&there), turned);
        prop_assert_eq!(there.counts().same, back.counts().same);
        prop_assert_eq!(there.changes().collect::<Vec<_>>(), back.changes().collect::<Vec<_>>());
    }

    /// Years come in stretches; where one ends and the next begins is nobody's business.
    #[test]
    fn it_does_not_matter_in_how_many_stretches_it_comes(deeds in deeds(), cut in 0_usize..60) {
        let (a, b, _) = staged(&deeds);
        let split = |side: &[Candle]| side.partition_point(|candle| candle.open_time < at(cut));
        let (cut_a, cut_b) = (split(&a), split(&b));
        let mut comparison = Comparison::new(EXACT, ALL);
        comparison.add(a[..cut_a].iter().copied(), b[..cut_b].iter().copied());
        comparison.add(a[cut_a..].iter().copied(), b[cut_b..].iter().copied());
        let whole = compared(&a, &b, EXACT);
        prop_assert_eq!(comparison.counts(), whole.counts());
        prop_assert_eq!(comparison.differences(), whole.differences());
    }

    #[test]
    fn a_tolerance_is_the_same_both_ways_and_grows(
        a in 1e-8_f64..1e8, b in 1e-8_f64..1e8, bps in 0.0_f64..20_000.0,
    ) {
        let allows = |bps, a, b| {
            Tolerance { price: bps, volume: None }.allows(Field::Close, Some(a), Some(b))
        };
        prop_assert_eq!(allows(bps, a, b), allows(bps, b, a));
        prop_assert!(!allows(bps, a, b) || allows(bps * 2.0, a, b));
        prop_assert!(allows(10_000.0, a, b), "two positive values are less than 100 % apart");
    }
}

#[test]
fn a_difference_of_exactly_the_tolerance_is_none() {
    let allows = |bps, a, b| {
        let tolerance = Tolerance { price: bps, volume: Some(bps) };
        let (a, b) = (Some(a), Some(b));
        assert_eq!(tolerance.allows(Field::Low, a, b), tolerance.allows(Field::Volume, a, b));
        tolerance.allows(Field::Low, a, b)
    };
    assert!(allows(1.0, 10_000.0, 9_999.0) && allows(1.0, 9_999.0, 10_000.0));
    assert!(!allows(1.0, 10_000.0, 9_998.999_999));
    assert!(!allows(0.999_999, 10_000.0, 9_999.0));
    assert!(allows(0.0, 1.5, 1.5));
    assert!(!allows(0.0, 1.5, 1.5_f64.next_up()), "the last bit counts where nothing is tolerated");
    assert!(allows(1e-9, 1.5, 1.5_f64.next_up()));
    assert!(!allows(0.0, 0.0, -0.0) && allows(0.1, 0.0, -0.0));
    assert!(!allows(9_999.0, 0.0, 1.0) && allows(10_000.0, 0.0, 1.0));
}

#[test]
fn what_is_no_number_is_never_the_same() {
    for odd in [f64::NAN, -f64::NAN] {
        for other in [f64::NAN, 1.0, 0.0, f64::INFINITY] {
            for bps in [0.0, 1e300, f64::INFINITY] {
                let tolerance = Tolerance { price: bps, volume: Some(bps) };
                assert!(!tolerance.allows(Field::Open, Some(odd), Some(other)), "{odd} {other}");
                assert!(!tolerance.allows(Field::Volume, Some(other), Some(odd)), "{odd} {other}");
            }
        }
    }
    let (mut a, b) = (candle(0), candle(0));
    a.high = f64::NAN;
    let changes: Vec<_> = compared(&[a], &[b], EXACT).changes().collect();
    assert_eq!(changes[1], (Field::High, Change { changed: 1, largest_bps: Some(f64::INFINITY) }));
}

#[test]
fn no_volume_is_not_a_volume_of_zero_unless_nobody_looks() {
    let (mut a, mut b) = (candle(0), candle(0));
    (a.volume, b.volume) = (None, Some(0.0));
    for bps in [0.0, 1e4] {
        let tolerance = Tolerance { price: 0.0, volume: Some(bps) };
        let comparison = compared(&[a], &[b], tolerance);
        let [difference] = comparison.differences() else { panic!("{comparison:?}") };
        assert_eq!(difference.fields, [Field::Volume]);
        let change = comparison.changes().last().unwrap().1;
        assert_eq!(change, Change { changed: 1, largest_bps: None });
    }
    assert!(compared(&[a], &[b], Tolerance { price: 0.0, volume: None }).counts().is_same());
    (a.volume, b.volume) = (None, None);
    assert!(compared(&[a], &[b], EXACT).counts().is_same());
}

#[test]
fn the_largest_difference_is_told_and_the_first_ones_are_kept() {
    let a: Vec<_> = (0..10).map(candle).collect();
    let mut b = a.clone();
    for (row, close) in [(2, 101.0), (5, 90.0), (7, 101.2)] {
        b[row].close = close;
    }
    let mut comparison = Comparison::new(EXACT, 2);
    comparison.add(a.iter().copied(), b.iter().copied());
    assert_eq!((comparison.counts().changed, comparison.differences().len()), (3, 2));
    let (field, change) = comparison.changes().nth(3).unwrap();
    let largest = 11.25 * 1e4 / 101.25;
    assert_eq!((field, change), (Field::Close, Change { changed: 3, largest_bps: Some(largest) }));
    let kept: Vec<_> = comparison.differences().iter().map(|one| one.b.unwrap().close).collect();
    assert_eq!(kept, [101.0, 90.0]);
    assert!(compared(&[], &[], EXACT).counts().is_same());
}
