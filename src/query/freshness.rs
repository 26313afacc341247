//! How fresh a series is: by the candles that should exist, never by when something was written.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    ingest::{Book, closed_until},
    market::{Series, Timeframe, Window},
};

/// The one word a trading engine acts upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every candle that is due is accounted for, or the next one is overdue by less than allowed.
    Fresh,
    /// The next candle is overdue.
    Stale,
    /// The market is closed, and no more is missing of its last session than may be overdue: its last
    /// minutes may have been without a trade, and no candle follows that would tell.
    Closed,
    /// There is no candle at all.
    Unknown,
}

impl Verdict {
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Stale, Self::Closed, Self::Unknown];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of a series at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    pub series: Series,
    pub verdict: Verdict,
    /// Open time of the newest candle in the lake.
    pub last_candle: Option<DateTime<Utc>>,
    /// Open time of the newest candle that should be there by now.
    pub expected_candle: Option<DateTime<Utc>>,
    /// Candles expected after the newest stretch without a gap and not accounted for.
    pub lag_candles: i64,
    /// Time since the newest candle closed; the true age, whatever the market does.
    pub age: Option<TimeDelta>,
    /// How long the oldest of the missing candles has been due; zero if none is.
    pub overdue: TimeDelta,
    pub stale_after: TimeDelta,
    /// Everything before it is accounted for.
    pub watermark: DateTime<Utc>,
    pub market_open: bool,
}

/// Reads the ledger as of `now`; microseconds of work, no input or output.
pub fn freshness(
    book: &Book,
    now: DateTime<Utc>,
    settle: TimeDelta,
    stale_after: TimeDelta,
) -> Freshness {
    let timeframe = book.series().timeframe;
    let due = closed_until(now, settle, timeframe);
    let calendar = book.calendar();
    let (last_candle, frontier, watermark, lag_candles) = book.with_ledger(|ledger| {
        let frontier = ledger.frontier(due);
        let newest = Window::new(frontier.unwrap_or(due), due);
        let states = ledger.states(newest);
        let owed = states.iter().filter(|run| run.value.is_gap());
        let lag = owed.map(|run| run.window.candles(timeframe)).sum();
        (ledger.last_final(due), frontier, ledger.watermark(due), lag)
    });
    let overdue = match frontier {
        Some(next) if next < due => now - (next + timeframe.duration() + settle),
        _ => TimeDelta::zero(),
    };
    let market_open = calendar.is_open(now);
    let missing = TimeDelta::seconds(timeframe.seconds() * lag_candles);
    let verdict = match frontier {
        None => Verdict::Unknown,
        Some(_) if !market_open && missing <= stale_after => Verdict::Closed,
        Some(_) if overdue > stale_after => Verdict::Stale,
        Some(_) => Verdict::Fresh,
    };
    Freshness {
        series: book.series().clone(),
        verdict,
        last_candle,
        expected_candle: expected_candle(book, due, timeframe),
        lag_candles,
        age: last_candle.map(|open_time| now - (open_time + timeframe.duration())),
        overdue,
        stale_after,
        watermark,
        market_open,
    }
}

/// No market is closed for longer than this.
const LONGEST_CLOSURE: TimeDelta = TimeDelta::days(10);

fn expected_candle(book: &Book, due: DateTime<Utc>, timeframe: Timeframe) -> Option<DateTime<Utc>> {
    let recent = Window::new(timeframe.floor(due - LONGEST_CLOSURE), due);
    let last = book.calendar().expected(recent, timeframe).pop()?;
    Some(last.end.min(due) - timeframe.duration())
}
