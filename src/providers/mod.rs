//! The outside world, spoken to in its own words; symbols are translated here and nowhere else.

mod budget;
pub mod coinbase;
mod error;
mod http;

use std::fmt;

use chrono::TimeDelta;
use futures::future::BoxFuture;

pub use self::{
    budget::{Budget, Lane},
    coinbase::Coinbase,
    error::ProviderError,
    http::HttpClient,
};
use crate::market::{ProviderId, RawBatch, Series, Timeframe, Window};

/// Where the candles of a timeframe come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The provider has them.
    Native,
    /// Barkeep aggregates them from the provider's candles of a finer timeframe.
    Derived { from: Timeframe },
}

/// Somebody who answers questions about candles.
pub trait Provider: Send + Sync + fmt::Debug {
    fn id(&self) -> &ProviderId;

    /// The widest window one request may ask for, in candles.
    fn page_candles(&self) -> i64;

    /// How long after its close a candle may still change.
    fn settle(&self) -> TimeDelta;

    fn origin(&self, timeframe: Timeframe) -> Origin;

    /// Asks for the candles of `window`, at most a page, retrying what may succeed later.
    fn fetch<'a>(
        &'a self,
        series: &'a Series,
        window: Window,
        lane: Lane,
    ) -> BoxFuture<'a, Result<RawBatch, ProviderError>>;
}
