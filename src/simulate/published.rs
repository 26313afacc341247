//! What a provider publishes of the market: not always all of it, and not always exactly.

use super::{MarketCandle, SimulatedMarket, SimulatedProvider, alpha_vantage, oanda};
use crate::{
    config::PriceSide,
    market::{Candle, Series, Window},
};

/// One provider's account of one series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Publication<'a> {
    pub(super) market: &'a SimulatedMarket,
    pub(super) provider: SimulatedProvider,
    pub(super) series: &'a Series,
    /// Which price is asked for where there are three.
    pub(super) price: PriceSide,
}

impl<'a> Publication<'a> {
    /// The candles of a window as they are published at `as_of`, unix seconds; oldest first.
    pub(super) fn candles(
        self,
        window: Window,
        as_of: i64,
    ) -> impl Iterator<Item = Candle> + use<'a> {
        let granularity = self.series.timeframe.seconds();
        let (start, end) = (window.start.timestamp(), window.end.timestamp());
        let instrument = &self.series.instrument;
        let candles = self.market.candles(instrument, granularity, start, end, as_of);
        candles.filter_map(move |candle| self.told(candle))
    }

    fn told(self, candle: MarketCandle) -> Option<Candle> {
        let candle = candle.diverged(self.market.divergence_of(self.provider));
        match self.provider {
            SimulatedProvider::Coinbase => Some(candle.to_candle()),
            SimulatedProvider::Oanda => Some(oanda::at_side(&candle, self.price).to_candle()),
            SimulatedProvider::AlphaVantage => {
                let Series { instrument, timeframe, .. } = self.series;
                alpha_vantage::published(instrument.asset_class(), *timeframe, candle)
            }
        }
    }
}
