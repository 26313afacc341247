//! The questions behind the checks.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Check, Checkup, Doctor, Outcome, ProviderError, TOLERATED_SKEW};
use crate::market::{InstrumentId, RawBatch, Series, Timeframe, Window};

/// Before any provider's first candle.
const LONG_AGO: DateTime<Utc> = DateTime::from_timestamp(946_684_800, 0).unwrap();

/// Spelt like an instrument of each kind, and traded nowhere.
const NOBODY_TRADES: [&str; 3] = ["ZZQXUSD", "XPDTRY", "ZZQX"];

impl Doctor {
    /// One question tells whether anybody is there, accepts our key, and what time it is. Returns
    /// its answer, or `None` where there is no point in asking on.
    pub(super) async fn first_contact(
        &self,
        series: &Series,
        checkup: &mut Checkup,
    ) -> Option<Result<RawBatch, ProviderError>> {
        let asked_at = self.clock.now();
        let answer = self.ask(series, self.newest(series, 3)).await;
        let millis = (self.clock.now() - asked_at).num_milliseconds();
        let (outcome, says) = match &answer {
            Err(
                error @ (ProviderError::Unreachable(_)
                | ProviderError::TimedOut
                | ProviderError::Upstream { .. }
                | ProviderError::CircuitOpen { .. }
                | ProviderError::Malformed { .. }),
            ) => (Outcome::Bad, self.told(error)),
            _ => (Outcome::Good, format!("answered in {millis} ms")),
        };
        checkup.add(Check::Reachable, outcome, says);
        if outcome == Outcome::Bad {
            return None;
        }
        let is_needed = self.provider.client().has_credentials();
        let (outcome, says) = match &answer {
            Err(error @ (ProviderError::Unauthorized { .. } | ProviderError::NotInPlan { .. })) => {
                (Outcome::Bad, self.told(error))
            }
            Err(error @ (ProviderError::Throttled { .. } | ProviderError::Exhausted { .. })) => {
                (Outcome::Note, self.told(error))
            }
            _ if is_needed => (Outcome::Good, "accepted".to_owned()),
            _ => (Outcome::Good, "none needed".to_owned()),
        };
        checkup.add(Check::Credentials, outcome, says);
        self.compare_clocks(checkup);
        (outcome == Outcome::Good).then_some(answer)
    }

    /// An error and what to do about it.
    fn told(&self, error: &ProviderError) -> String {
        let id = self.provider.id();
        let fix = match error {
            ProviderError::Unauthorized { .. } => {
                format!(
                    "correct the key in providers.{id}, or its url: a key belongs to one address"
                )
            }
            ProviderError::NotInPlan { .. } => {
                format!("set providers.{id}.plan to what the key was issued for")
            }
            ProviderError::Throttled { .. } | ProviderError::Exhausted { .. } => {
                format!("ask again later; is providers.{id}.limits what the key allows?")
            }
            ProviderError::UnknownSymbol { .. } => {
                format!("correct ingest.assets, or providers.{id}.url")
            }
            _ => format!("check providers.{id}.url"),
        };
        format!("{}; {fix}", crate::error::chain(error))
    }

    fn compare_clocks(&self, checkup: &mut Checkup) {
        let Some(skew) = self.provider.client().skew() else {
            let says = "it does not tell the time".to_owned();
            return checkup.add(Check::Clock, Outcome::Note, says);
        };
        let seconds = skew.abs().num_milliseconds() as f64 / 1_000.0;
        if skew.abs() <= TOLERATED_SKEW {
            let says = "agrees with ours to two seconds".to_owned();
            return checkup.add(Check::Clock, Outcome::Good, says);
        }
        let direction = if skew > TimeDelta::zero() { "behind" } else { "ahead of" };
        let says = format!(
            "our clock is {seconds:.1} s {direction} theirs: candles land late; set it by NTP"
        );
        checkup.add(Check::Clock, Outcome::Bad, says);
    }

    /// `first` is what came when the newest candles of the first asset were asked for: keys may
    /// have 25 requests a day, and none is spent on asking again.
    pub(super) async fn symbols(
        &self,
        first: Result<RawBatch, ProviderError>,
        checkup: &mut Checkup,
    ) {
        let (mut known, mut wrong) = (Vec::new(), Vec::new());
        let mut first = Some(first);
        for asset in &self.assets {
            let Some(series) = self.coarsest(asset) else { continue };
            let answer = match first.take() {
                Some(answer) => answer,
                None => self.ask(&series, self.newest(&series, 3)).await,
            };
            match answer {
                Ok(_) => known.push(asset.as_str()),
                Err(error) => wrong.push(format!("{asset}: {}", self.told(&error))),
            }
        }
        let (outcome, says) = if wrong.is_empty() {
            (Outcome::Good, format!("knows {}", known.join(", ")))
        } else {
            (Outcome::Bad, wrong.join("; "))
        };
        checkup.add(Check::Symbols, outcome, says);
    }

    /// The first page with candles is found by halving: a history has a beginning and no islands.
    pub(super) async fn history(&self, series: &Series, checkup: &mut Checkup) {
        let now = self.clock.now();
        let reach = self.provider.reaches_back_to(series, now);
        let from = series.timeframe.ceil(reach.unwrap_or(LONG_AGO));
        let whole = Window::new(from, self.newest(series, 1).end);
        let pages = self.provider.pages(series, &[whole]);
        let (mut low, mut high) = (0, pages.len());
        let mut first = None;
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.ask(series, pages[middle]).await {
                Ok(page) if page.candles.is_empty() => low = middle + 1,
                Ok(page) => {
                    first = Some(page.candles.open_time_at(0));
                    high = middle;
                }
                Err(error) => {
                    return checkup.add(Check::History, Outcome::Bad, error.to_string());
                }
            }
        }
        let Some(first) = first else {
            let says = format!("gives no candle of {series} at all");
            return checkup.add(Check::History, Outcome::Bad, says);
        };
        let limit = if reach.is_some() { ", as far as it goes with this account" } else { "" };
        let says = format!("{series} begins on {}{limit}", first.date_naive());
        checkup.add(Check::History, Outcome::Good, says);
    }

    pub(super) async fn running_candle(&self, checkup: &mut Checkup) {
        let finest = self.assets.first().and_then(|asset| self.native(asset).next());
        let Some(series) = finest else { return };
        let now = self.clock.now();
        let running = Window::of_candles(series.timeframe.floor(now), series.timeframe, 1);
        let calendar = self.provider.calendar(&series, self.calendars);
        if !calendar.is_open(now) {
            let says = format!("not seen: the market of {} is closed", series.instrument);
            return checkup.add(Check::RunningCandle, Outcome::Note, says);
        }
        let window = Window::new(self.newest(&series, 3).start, running.end);
        let (outcome, says) = match self.ask(&series, window).await {
            Ok(page) if page.unfinished > 0 => {
                (Outcome::Good, "is given and marked; it is dropped".to_owned())
            }
            Ok(page) if page.candles.iter().any(|one| one.open_time == running.start) => {
                (Outcome::Good, "is given unmarked; it is dropped by our clock".to_owned())
            }
            Ok(_) => (Outcome::Good, "is not given".to_owned()),
            Err(error) => (Outcome::Bad, error.to_string()),
        };
        checkup.add(Check::RunningCandle, outcome, says);
    }

    pub(super) async fn unknown_symbol(&self, checkup: &mut Checkup) {
        let mut names = NOBODY_TRADES.iter().filter_map(|name| name.parse::<InstrumentId>().ok());
        let offered = names.find_map(|name| self.coarsest(&name));
        let Some(series) = offered else { return };
        let (outcome, says) = match self.ask(&series, self.newest(&series, 3)).await {
            Err(ProviderError::UnknownSymbol { .. }) => {
                (Outcome::Good, "is told apart from everything else".to_owned())
            }
            Err(error) => (Outcome::Bad, format!("{} reads as: {error}", series.instrument)),
            Ok(_) => (Outcome::Bad, format!("{} is answered", series.instrument)),
        };
        checkup.add(Check::UnknownSymbol, outcome, says);
    }

    pub(super) async fn order_and_bounds(&self, series: &Series, checkup: &mut Checkup) {
        let window = self.newest(series, 20);
        let page = match self.ask(series, window).await {
            Ok(page) => page,
            Err(error) => return checkup.add(Check::Order, Outcome::Bad, error.to_string()),
        };
        let times = &page.candles.open_time;
        let is_ordered = times.is_sorted_by(|earlier, later| earlier < later);
        let is_on_grid =
            page.candles.iter().all(|one| series.timeframe.is_open_time(one.open_time));
        let (outcome, says) = match (is_ordered, is_on_grid) {
            (true, true) => (Outcome::Good, "oldest first, each once, on the grid of UTC"),
            (false, _) => (Outcome::Bad, "candles are out of order or repeated"),
            (true, false) => (Outcome::Bad, "candles are off the grid of UTC"),
        };
        checkup.add(Check::Order, outcome, says.to_owned());
        let (outcome, says) = bounds(&page, window);
        checkup.add(Check::Bounds, outcome, says);
    }

    pub(super) async fn largest_page(&self, checkup: &mut Checkup) {
        let finest = self.assets.first().and_then(|asset| self.native(asset).next());
        let Some(series) = finest else { return };
        let candles = self.provider.page_candles(&series);
        let end = self.newest(&series, 1).end;
        let start = end - TimeDelta::seconds(series.timeframe.seconds() * candles);
        let (outcome, says) = match self.ask(&series, Window::new(start, end)).await {
            Ok(page) => {
                let came = page.candles.len();
                (
                    Outcome::Good,
                    format!("a page of {candles} {series} is given, {came} of them exist"),
                )
            }
            Err(error) => {
                (Outcome::Bad, format!("a page of {candles} {series} is refused: {error}"))
            }
        };
        checkup.add(Check::LargestPage, outcome, says);
    }

    pub(super) async fn before_history(&self, series: &Series, checkup: &mut Checkup) {
        let window = Window::of_candles(series.timeframe.floor(LONG_AGO), series.timeframe, 10);
        let (outcome, says) = match self.ask(series, window).await {
            Ok(page) if page.candles.is_empty() => (Outcome::Good, "is empty".to_owned()),
            Ok(page) => (Outcome::Note, format!("has {} candles of 2000", page.candles.len())),
            Err(error) => (Outcome::Bad, format!("is an error: {error}")),
        };
        checkup.add(Check::BeforeHistory, outcome, says);
    }

    pub(super) async fn timeframes(&self, checkup: &mut Checkup) {
        let (mut given, mut wrong) = (Vec::new(), Vec::new());
        for series in self.assets.first().into_iter().flat_map(|asset| self.native(asset)) {
            match self.ask(&series, self.newest(&series, 20)).await {
                Ok(page) if page.candles.is_empty() => wrong.push(format!("{series} is empty")),
                Ok(_) => given.push(series.timeframe.as_str()),
                Err(error) => wrong.push(format!("{series}: {error}")),
            }
        }
        let derived = Timeframe::ALL.iter().filter(|one| !given.contains(&one.as_str())).count();
        let (outcome, says) = if wrong.is_empty() {
            let rest = if derived == 0 { "" } else { "; the others are derived or not to be had" };
            (Outcome::Good, format!("gives {}{rest}", given.join(", ")))
        } else {
            (Outcome::Bad, wrong.join("; "))
        };
        checkup.add(Check::Timeframes, outcome, says);
    }
}

fn bounds(page: &RawBatch, window: Window) -> (Outcome, String) {
    let outside = page.candles.iter().filter(|one| !window.contains(one.open_time)).count();
    if outside > 0 {
        return (Outcome::Bad, format!("{outside} candles lie outside the window asked for"));
    }
    let step = TimeDelta::seconds(page.series.timeframe.seconds());
    let has = |at| page.candles.iter().any(|one| one.open_time == at);
    match (has(window.start), has(window.end - step)) {
        (true, true) => (Outcome::Good, "first and last candle come, nothing else".to_owned()),
        _ => (Outcome::Note, "the first or last candle is absent; nothing traded?".to_owned()),
    }
}
