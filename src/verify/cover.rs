//! Which parts of some stretches of time others do not cover.

use crate::market::Window;

/// What of `windows` lies in none of `covers`. Both are in order, and disjoint among themselves.
pub(super) fn uncovered(windows: &[Window], covers: &[Window]) -> Vec<Window> {
    let mut covers = covers.iter().copied().peekable();
    let mut left = Vec::new();
    for window in windows {
        let mut at = window.start;
        while let Some(cover) = covers.peek().filter(|cover| cover.start < window.end) {
            if cover.start > at {
                left.push(Window::new(at, cover.start));
            }
            at = at.max(cover.end);
            if cover.end > window.end {
                // It may cover the next one too.
                break;
            }
            covers.next();
        }
        if at < window.end {
            left.push(Window::new(at, window.end));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    /// Disjoint windows in order, some of which touch, and the seconds in them.
    fn windows() -> impl Strategy<Value = (Vec<Window>, BTreeSet<i64>)> {
        prop::collection::vec((0_i64..4, 1_i64..5), 0..8).prop_map(|steps| {
            let (mut at, mut windows, mut inside) = (0, Vec::new(), BTreeSet::new());
            for (gap, length) in steps {
                let time = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
                windows.push(Window::new(time(at + gap), time(at + gap + length)));
                inside.extend(at + gap..at + gap + length);
                at += gap + length;
            }
            (windows, inside)
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_difference((ours, inside) in windows(), (theirs, covered) in windows()) {
            let left = uncovered(&ours, &theirs);
            let seconds = left.iter().flat_map(|window| {
                window.start.timestamp()..window.end.timestamp()
            });
            let expected: Vec<i64> = inside.difference(&covered).copied().collect();
            prop_assert_eq!(seconds.collect::<Vec<_>>(), expected);
        }
    }
}
