//! `[reconcile]`: how far two accounts of one candle may be apart.

use super::reader::Reader;
use crate::{market::AssetClass, quality::Check};

/// In basis points of the price.
#[derive(Debug, Clone)]
pub struct ReconcileConfig {
    pub crypto_bps: f64,
    pub fx_bps: f64,
    pub equity_bps: f64,
    /// Between a provider's own timeframes.
    pub timeframe_bps: f64,
    /// The same for volumes, of the volume.
    pub timeframe_volume_bps: f64,
}

impl ReconcileConfig {
    /// More than this is a finding.
    pub fn tolerated(&self, check: Check, class: AssetClass) -> f64 {
        match (check, class) {
            (Check::TimeframeMismatch, _) => self.timeframe_bps,
            (Check::ProviderDivergence, AssetClass::Crypto) => self.crypto_bps,
            (Check::ProviderDivergence, AssetClass::Fx) => self.fx_bps,
            (Check::ProviderDivergence, AssetClass::Equity) => self.equity_bps,
        }
    }
}

pub(super) fn reconcile(read: &mut Reader) -> ReconcileConfig {
    let mut bps = |key: &str| {
        read.get_if(&format!("reconcile.{key}"), "use 0 or more", |bps: &f64| *bps >= 0.0)
    };
    ReconcileConfig {
        crypto_bps: bps("crypto_bps"),
        fx_bps: bps("fx_bps"),
        equity_bps: bps("equity_bps"),
        timeframe_bps: bps("timeframe_bps"),
        timeframe_volume_bps: bps("timeframe_volume_bps"),
    }
}
