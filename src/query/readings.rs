//! What the newest candles of a series say, kept until the series changes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{
    indicators::{
        Prices,
        confluence::{REACH, Reading},
    },
    ingest::Book,
    lake::{Lake, LakeError},
    market::{Series, Window},
};

/// A reading, and of which candle it is.
#[derive(Debug, Clone)]
pub struct Read {
    pub open_time: DateTime<Utc>,
    /// When the newest of its candles was received.
    pub received_at: DateTime<Utc>,
    pub reading: Reading,
}

/// The readings that were asked for; one per series.
#[derive(Debug, Default)]
pub struct Readings(Mutex<HashMap<Series, Arc<tokio::sync::Mutex<Kept>>>>);

/// What was read, and the version of the book that it is of.
#[derive(Debug, Default)]
struct Kept {
    version: Option<u64>,
    read: Option<Arc<Read>>,
}

/// Where candles are missing the stretch that is looked through is so many times as long.
const GENEROUS: i32 = 2;

impl Readings {
    /// What the final candles that open before `closed_until` say; `None` without one. Asks the lake when
    /// the series has changed, once for all who wait, and answers from memory otherwise.
    pub async fn get(
        &self,
        lake: &Lake,
        book: &Book,
        closed_until: DateTime<Utc>,
    ) -> Result<Option<Arc<Read>>, LakeError> {
        let kept = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(book.series().clone()).or_default().clone()
        };
        let mut kept = kept.lock().await;
        // Before the lake is asked, so that what comes in between is looked at next time.
        let version = book.version();
        if kept.version != Some(version) {
            kept.read = read(lake, book, closed_until).await?.map(Arc::new);
            kept.version = Some(version);
        }
        Ok(kept.read.clone())
    }
}

async fn read(
    lake: &Lake,
    book: &Book,
    closed_until: DateTime<Utc>,
) -> Result<Option<Read>, LakeError> {
    let series = book.series();
    let last = book.with_ledger(|ledger| ledger.last_final(closed_until));
    let Some(last) = last else { return Ok(None) };
    let step = series.timeframe.duration();
    let length = i32::try_from(REACH).unwrap_or(i32::MAX) + 100;
    let window = Window::new(last - step * (length * GENEROUS), last + step);
    let candles = lake.candles(series.timeframe).candles(series, window).await?;
    let column = |value: fn(&crate::market::Candle) -> f64| -> Vec<f64> {
        candles.iter().map(|landed| value(&landed.candle)).collect()
    };
    let (high, low, close) = (column(|c| c.high), column(|c| c.low), column(|c| c.close));
    let reading = Reading::of(Prices { high: &high, low: &low, close: &close });
    let (Some(newest), Some(reading)) = (candles.last(), reading) else { return Ok(None) };
    let (open_time, received_at) = (newest.candle.open_time, newest.extracted_at);
    Ok(Some(Read { open_time, received_at, reading }))
}
