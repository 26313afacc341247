//! What the settings say, as rows that a model can read.

use std::{collections::BTreeSet, sync::Arc};

use deltalake::arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
    error::ArrowError,
};
use sha2::{Digest, Sha256};

use super::source::World;
use crate::{
    config::{IngestConfig, QualityConfig, TradingConfig},
    market::{AssetClass, InstrumentId, Timeframe},
};

#[derive(Clone, Copy)]
pub(super) enum Said {
    /// See [`preference`].
    Preference,
    /// What the account began with and may risk, in one row: `[trading]`.
    Limits,
    /// What is unusual: `expectation`, `asset_class`, `timeframe`, `threshold`; those that are off are
    /// not there. `[quality]`.
    Expectations,
}

impl Said {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "system.preference" => Some(Self::Preference),
            "system.limits" => Some(Self::Limits),
            "system.expectations" => Some(Self::Expectations),
            _ => None,
        }
    }

    pub(super) fn rows(self, world: World<'_>) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::Preference => {
                let books = world.books.all();
                let assets = books.iter().map(|book| book.series().instrument.clone());
                preference(&world.config.ingest, &assets.collect())
            }
            Self::Limits => limits(&world.config.trading),
            Self::Expectations => expectations(&world.config.quality),
        }
    }

    /// Other settings make it another version. Another asset does not, its rows are new anyway.
    pub(super) fn version(self, world: World<'_>) -> u64 {
        let said = match self {
            Self::Preference => {
                format!("{:?}{:?}", world.config.ingest.providers, world.config.ingest.providers_of)
            }
            Self::Limits => format!("{:?}", world.config.trading),
            Self::Expectations => format!("{:?}", world.config.quality),
        };
        let digest = Sha256::digest(said);
        let (head, _) = digest.split_at(4);
        head.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Whose candle is taken first, of each of these assets: `asset_pair`, `source_provider`, `place`.
pub fn preference(
    ingest: &IngestConfig,
    assets: &BTreeSet<InstrumentId>,
) -> Result<RecordBatch, ArrowError> {
    let (mut names, mut providers, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for asset in assets {
        let order = ingest.providers_of.get(asset).unwrap_or(&ingest.providers);
        for (place, provider) in order.iter().enumerate() {
            names.push(asset.as_str());
            providers.push(provider.as_str());
            places.push(i64::try_from(place).unwrap_or(i64::MAX));
        }
    }
    let columns: [(&str, ArrayRef); 3] = [
        ("asset_pair", Arc::new(StringArray::from(names))),
        ("source_provider", Arc::new(StringArray::from(providers))),
        ("place", Arc::new(Int64Array::from(places))),
    ];
    RecordBatch::try_from_iter(columns)
}

fn limits(trading: &TradingConfig) -> Result<RecordBatch, ArrowError> {
    let TradingConfig { starting_equity, max_drawdown, max_var, max_position } = trading;
    let one = |value: &f64| -> ArrayRef { Arc::new(Float64Array::from(vec![*value])) };
    RecordBatch::try_from_iter([
        ("starting_equity", one(starting_equity)),
        ("max_drawdown", one(max_drawdown)),
        ("max_var", one(max_var)),
        ("max_position", one(max_position)),
    ])
}

fn expectations(quality: &QualityConfig) -> Result<RecordBatch, ArrowError> {
    let (mut names, mut classes, mut timeframes, mut thresholds) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for expected in &quality.expected {
        for class in AssetClass::ALL {
            for timeframe in Timeframe::ALL {
                names.push(expected.anomaly.as_str());
                classes.push(class.as_str());
                timeframes.push(timeframe.as_str());
                thresholds.push(expected.threshold(class, timeframe));
            }
        }
    }
    let text = |values: Vec<&'static str>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    RecordBatch::try_from_iter([
        ("expectation", text(names)),
        ("asset_class", text(classes)),
        ("timeframe", text(timeframes)),
        ("threshold", Arc::new(Float64Array::from(thresholds)) as ArrayRef),
    ])
}
