//! The functions that give candles, and what each of them makes of the market's.

use chrono::{DateTime, Datelike, Weekday};

use crate::{
    market::{AssetClass, Candle, Timeframe},
    simulate::MarketCandle,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    EquityIntraday,
    EquityDaily,
    FxIntraday,
    FxDaily,
    CryptoIntraday,
    CryptoDaily,
}

impl Function {
    const ALL: [Self; 6] = [
        Self::EquityIntraday,
        Self::EquityDaily,
        Self::FxIntraday,
        Self::FxDaily,
        Self::CryptoIntraday,
        Self::CryptoDaily,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EquityIntraday => "TIME_SERIES_INTRADAY",
            Self::EquityDaily => "TIME_SERIES_DAILY",
            Self::FxIntraday => "FX_INTRADAY",
            Self::FxDaily => "FX_DAILY",
            Self::CryptoIntraday => "CRYPTO_INTRADAY",
            Self::CryptoDaily => "DIGITAL_CURRENCY_DAILY",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    const fn of(class: AssetClass, is_daily: bool) -> Self {
        match (class, is_daily) {
            (AssetClass::Equity, false) => Self::EquityIntraday,
            (AssetClass::Equity, true) => Self::EquityDaily,
            (AssetClass::Fx, false) => Self::FxIntraday,
            (AssetClass::Fx, true) => Self::FxDaily,
            (AssetClass::Crypto, false) => Self::CryptoIntraday,
            (AssetClass::Crypto, true) => Self::CryptoDaily,
        }
    }

    pub(super) const fn class(self) -> AssetClass {
        match self {
            Self::EquityIntraday | Self::EquityDaily => AssetClass::Equity,
            Self::FxIntraday | Self::FxDaily => AssetClass::Fx,
            Self::CryptoIntraday | Self::CryptoDaily => AssetClass::Crypto,
        }
    }

    pub(super) const fn is_daily(self) -> bool {
        matches!(self, Self::EquityDaily | Self::FxDaily | Self::CryptoDaily)
    }

    pub(super) const fn has_volume(self) -> bool {
        !matches!(self.class(), AssetClass::Fx)
    }

    /// Digits after the point of prices and volume.
    const fn decimals(self) -> (u8, u8) {
        match self {
            Self::EquityIntraday | Self::EquityDaily => (4, 0),
            Self::FxIntraday | Self::FxDaily | Self::CryptoIntraday => (5, 0),
            Self::CryptoDaily => (8, 8),
        }
    }

    /// A candle as it is told; `None` for the days of the week that the function leaves out.
    pub(super) fn told(self, candle: MarketCandle) -> Option<MarketCandle> {
        let day = DateTime::from_timestamp(candle.open_time, 0)?.weekday();
        if self == Self::FxDaily && matches!(day, Weekday::Sat | Weekday::Sun) {
            return None;
        }
        let (prices, volumes) = self.decimals();
        let candle = candle.rescaled(prices, volumes);
        // What is less than one coin still was a trade.
        Some(MarketCandle { volume: candle.volume.max(1), ..candle })
    }
}

/// What is published of one of the market's candles of an instrument of that class.
pub(in crate::simulate) fn published(
    class: AssetClass,
    timeframe: Timeframe,
    candle: MarketCandle,
) -> Option<Candle> {
    let function = Function::of(class, timeframe == Timeframe::D1);
    let candle = function.told(candle)?.to_candle();
    let volume = candle.volume.filter(|_| function.has_volume());
    Some(Candle { volume, ..candle })
}
