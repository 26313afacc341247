//! What has landed of a series and was not compared with other accounts of it yet.

use crate::market::{Timeframe, Window};

/// Disjoint windows.
#[derive(Debug, Default)]
pub(super) struct Uncompared(Vec<Window>);

impl Uncompared {
    /// Windows that touch become one.
    pub(super) fn add(&mut self, window: Window) {
        let (touching, mut apart): (Vec<_>, Vec<_>) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|other| other.start <= window.end && window.start <= other.end);
        let all = touching.into_iter().fold(window, |all, next| {
            Window::new(all.start.min(next.start), all.end.max(next.end))
        });
        apart.push(all);
        self.0 = apart;
    }

    /// At most so many candles; they are up to the caller from now on.
    pub(super) fn take(&mut self, timeframe: Timeframe, most: i64) -> Option<Window> {
        let window = self.0.pop()?;
        let first = window.chunks(timeframe, most).next()?;
        if first.end < window.end {
            self.0.push(Window::new(first.end, window.end));
        }
        Some(first)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
