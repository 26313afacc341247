//! Asks a provider a few questions and says in plain words what it is like.
//!
//! The same checks, all of them, are the conformance suite that every adapter has to pass.

mod checkup;
mod questions;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::checkup::{Check, CheckResult, Checkup, Outcome};
use super::{Lane, Origin, Provider, ProviderError};
use crate::{
    clock::Clock,
    market::{Calendars, InstrumentId, RawBatch, Series, Timeframe, Window},
};

/// How much is asked. A thorough examination takes about thirty requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What an operator needs to know.
    Brief,
    /// Everything that an adapter promises.
    Thorough,
}

/// Examines one provider on behalf of the assets that are to be kept.
#[derive(Debug)]
pub struct Doctor {
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    calendars: Calendars,
    assets: Vec<InstrumentId>,
}

/// A clock further off than this makes candles land later than they could.
const TOLERATED_SKEW: TimeDelta = TimeDelta::seconds(2);

impl Doctor {
    /// `assets` that the provider does not offer are left out.
    pub fn new(
        provider: &Arc<dyn Provider>,
        clock: &Arc<dyn Clock>,
        calendars: Calendars,
        assets: &[InstrumentId],
    ) -> Self {
        let (provider, clock) = (provider.clone(), clock.clone());
        let is_offered = |asset: &&InstrumentId| {
            Timeframe::ALL.into_iter().any(|timeframe| {
                let series = series_of(provider.as_ref(), asset, timeframe);
                provider.offers(&series) == Some(Origin::Native)
            })
        };
        let assets = assets.iter().filter(is_offered).cloned().collect();
        Self { provider, clock, calendars, assets }
    }

    /// Asks until something is so wrong that there is no point in asking on.
    pub async fn examine(&self, depth: Depth) -> Checkup {
        let mut checkup = Checkup::new(self.provider.id());
        let Some(series) = self.assets.first().and_then(|asset| self.coarsest(asset)) else {
            let says = "it offers none of ingest.assets";
            checkup.add(Check::Symbols, Outcome::Note, says.to_owned());
            return checkup;
        };
        let Some(first) = self.first_contact(&series, &mut checkup).await else {
            return checkup;
        };
        self.symbols(first, &mut checkup).await;
        self.history(&series, &mut checkup).await;
        self.running_candle(&mut checkup).await;
        if depth == Depth::Thorough {
            self.unknown_symbol(&mut checkup).await;
            self.order_and_bounds(&series, &mut checkup).await;
            self.largest_page(&mut checkup).await;
            self.before_history(&series, &mut checkup).await;
            self.timeframes(&mut checkup).await;
        }
        checkup
    }

    async fn ask(&self, series: &Series, window: Window) -> Result<RawBatch, ProviderError> {
        self.provider.fetch(series, window, Lane::Live).await
    }

    fn series(&self, asset: &InstrumentId, timeframe: Timeframe) -> Series {
        series_of(self.provider.as_ref(), asset, timeframe)
    }

    /// What the provider has natively of an asset, finest first.
    fn native<'a>(&'a self, asset: &'a InstrumentId) -> impl DoubleEndedIterator<Item = Series> {
        let all = Timeframe::ALL.into_iter().map(|timeframe| self.series(asset, timeframe));
        all.filter(|series| self.provider.offers(series) == Some(Origin::Native))
    }

    fn coarsest(&self, asset: &InstrumentId) -> Option<Series> {
        self.native(asset).next_back()
    }

    /// The newest `count` candles that should have settled; a market may be closed for days.
    fn newest(&self, series: &Series, count: usize) -> Window {
        let timeframe = series.timeframe;
        let end = timeframe.floor(self.clock.now() - self.provider.settle(series));
        let length = i32::try_from(count).unwrap_or(i32::MAX);
        let reach = timeframe.duration() * length + TimeDelta::days(7);
        let calendar = self.provider.calendar(series, self.calendars);
        let expected = calendar.expected(Window::new(end - reach, end).align(timeframe), timeframe);
        let open_times: Vec<DateTime<Utc>> =
            expected.iter().flat_map(|run| run.open_times(timeframe)).collect();
        let first = open_times.len().saturating_sub(count);
        match (open_times.get(first), open_times.last()) {
            (Some(first), Some(last)) => Window::new(*first, *last + timeframe.duration()),
            _ => Window::new(end - timeframe.duration(), end),
        }
    }
}

fn series_of(provider: &dyn Provider, asset: &InstrumentId, timeframe: Timeframe) -> Series {
    Series { provider: provider.id().clone(), instrument: asset.clone(), timeframe }
}
