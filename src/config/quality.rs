//! `[quality]`: from when on what lands is called unusual.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::{
    market::{AssetClass, Timeframe},
    quality::Anomaly,
};

#[derive(Debug, Clone)]
pub struct QualityConfig {
    /// Those that warn.
    pub expected: Vec<Expected>,
    /// So large a share of what comes is to be good.
    pub target: f64,
}

/// What is expected, and how much of it is too much.
#[derive(Debug, Clone)]
pub struct Expected {
    pub anomaly: Anomaly,
    /// In the order of `Timeframe::ALL`.
    thresholds: BTreeMap<&'static str, [f64; 6]>,
}

impl Expected {
    pub fn threshold(&self, class: AssetClass, timeframe: Timeframe) -> f64 {
        self.thresholds[class.as_str()][timeframe as usize]
    }
}

pub(super) fn quality(read: &mut Reader) -> QualityConfig {
    let mut expected = Vec::new();
    for anomaly in Anomaly::ALL {
        let name = anomaly.as_str();
        let is_on = read.one_of(&format!("quality.{name}"), &[("warn", true), ("off", false)]);
        let mut thresholds = BTreeMap::new();
        for class in AssetClass::ALL {
            let path = format!("quality.{}.{name}", class.as_str());
            let is_good = |most: &[f64; 6]| most.iter().all(|one| one.is_finite() && *one >= 0.0);
            let fix = "write six numbers, 0 or more, for 1m, 5m, 15m, 1h, 4h and 1d";
            thresholds.insert(class.as_str(), read.get_if(&path, fix, is_good));
        }
        if is_on {
            expected.push(Expected { anomaly, thresholds });
        }
    }
    let is_share = |share: &f64| (0.0..=1.0).contains(share);
    QualityConfig { expected, target: read.get_if("quality.target", "use 0 to 1", is_share) }
}
