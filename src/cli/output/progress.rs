//! How far a backfill is: a bar on a terminal, a line per step elsewhere; always on standard error.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{
    column::Form,
    form::{grouped, shown},
};

/// Steps of the bar.
const WHOLE: f64 = 1_000.0;

#[derive(Debug)]
pub(in crate::cli) enum Progress {
    Bar(ProgressBar),
    /// The last one, which is not repeated.
    Lines(String),
}

impl Progress {
    pub(in crate::cli) fn on_stderr() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines(String::new());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number"
        )]
        let bar = ProgressBar::with_draw_target(Some(WHOLE as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    /// What the daemon said last.
    pub(in crate::cli) fn show(&mut self, backfill: &Value) {
        let line = line(backfill);
        match self {
            Self::Bar(bar) => {
                let share = backfill.pointer("/progress/share").and_then(Value::as_f64);
                let steps = (share.unwrap_or_default().clamp(0.0, 1.0) * WHOLE).floor();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "0 to 1000"
                )]
                bar.set_position(steps as u64);
                bar.set_message(line);
            }
            Self::Lines(last) if *last == line => {}
            Self::Lines(last) => {
                eprintln!("{line}");
                *last = line;
            }
        }
    }

    /// Something beside the progress.
    pub(in crate::cli) fn note(&mut self, text: &str) {
        match self {
            Self::Bar(bar) => bar.set_message(text.to_owned()),
            Self::Lines(last) if last == text => {}
            Self::Lines(last) => {
                eprintln!("{text}");
                text.clone_into(last);
            }
        }
    }

    /// Leaves the bar where it is.
    pub(in crate::cli) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}

/// A backfill on one line.
pub(in crate::cli) fn line(backfill: &Value) -> String {
    let number = |name: &str| backfill["progress"][name].as_i64().unwrap_or_default();
    let state = shown(backfill.get("state"), Form::Text);
    let (done, total) = (number("chunks_done"), number("chunks_total"));
    let mut line = format!("{state}: {} of {} chunks", grouped(done), grouped(total));
    if number("chunks_failed") > 0 {
        let _ = write!(line, ", {} failed", grouped(number("chunks_failed")));
    }
    let _ = write!(line, ", {} candles landed", grouped(number("candles_landed")));
    if matches!(&*state, "running" | "queued") {
        let takes = shown(backfill.pointer("/progress/eta_seconds"), Form::Seconds);
        let _ = write!(line, ", time left: {takes}");
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_tells_state_chunks_failures_candles_and_time() {
        let running = json!({ "state": "running", "progress": {
            "chunks_total": 1_200, "chunks_done": 30, "chunks_failed": 2,
            "candles_landed": 90_000, "eta_seconds": 125,
        } });
        let expected =
            "running: 30 of 1,200 chunks, 2 failed, 90,000 candles landed, time left: 2m 5s";
        assert_eq!(line(&running), expected);
        let done =
            json!({ "state": "completed", "progress": { "chunks_done": 1, "chunks_total": 1 } });
        assert_eq!(line(&done), "completed: 1 of 1 chunks, 0 candles landed");
        let queued = json!({ "state": "queued" });
        assert_eq!(line(&queued), "queued: 0 of 0 chunks, 0 candles landed, time left: unknown");
    }
}
