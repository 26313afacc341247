//! `GET /v1/pulse/{asset}`: what all timeframes of an asset say, in one answer.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, name_in_path, quoted},
    openapi::{NotFound, Refused, Unavailable},
};
use crate::{
    app::App,
    indicators::confluence::{Direction, Reading, align},
    market::{AssetClass, InstrumentId, ProviderId, Timeframe},
    query::{Freshness, Verdict},
};

/// What a trading engine needs to know of a market before it acts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pulse {
    /// As the lake spells it.
    asset_pair: InstrumentId,
    /// The instant this is about.
    as_of: DateTime<Utc>,
    /// `crypto`, `forex` or `stock`.
    asset_type: &'static str,
    /// `open` or `closed`.
    market_status: &'static str,
    /// The worst of the timeframes: act upon `fresh` only.
    verdict: Verdict,
    /// Since the newest candle of any timeframe closed; null if there is none, never a guess.
    #[schema(required)]
    age_seconds: Option<i64>,
    /// When that candle closed.
    #[schema(required)]
    latest_market_data_timestamp: Option<DateTime<Utc>>,
    /// Timeframes that are kept but have no candle, or are not kept.
    missing_timeframes: Vec<Timeframe>,
    /// Whether they agree.
    trend_alignment: AlignmentView,
    /// What the fast ones say about entering.
    entry_signals: EntrySignals,
    /// By timeframe: `1m`, `5m`, `15m`, `1h`, `4h`, `1d`.
    timeframes: BTreeMap<String, TimeframeView>,
}

/// What one timeframe says as of its newest closed candle. What the warm-up has not reached is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PulseTimeframe)]
struct TimeframeView {
    /// May this one be acted upon.
    verdict: Verdict,
    /// `uptrend`, `downtrend`, `ranging`, or `unknown` with less than 50 candles.
    trend: &'static str,
    /// From 0 to 100.
    trend_strength: f64,
    /// Over 14 candles.
    #[schema(required)]
    rsi: Option<f64>,
    /// 12, 26 and 9 candles.
    macd: MacdView,
    /// 20 candles, two deviations.
    bollinger_bands: BandsView,
    /// Over 14 candles.
    adx: AdxView,
    /// Over 14 candles, in money.
    #[schema(required)]
    atr: Option<f64>,
    /// `low`, `medium` or `high`: the ATR as a share of the price.
    #[schema(required)]
    volatility: Option<&'static str>,
    /// From 0 to 100: the mean of what RSI, MACD, ADX and bands say.
    signal_strength: f64,
    /// The last close.
    close: f64,
    /// Open time of the candle.
    open_time: DateTime<Utc>,
    /// When the candle was received.
    last_updated: DateTime<Utc>,
    /// Since the candle closed.
    age_seconds: i64,
    /// Whose candles these are.
    source_provider: ProviderId,
    /// How many the values were made of.
    #[schema(minimum = 0)]
    candles_count: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PulseMacd)]
struct MacdView {
    /// The difference of the averages.
    #[schema(required)]
    macd: Option<f64>,
    /// Its average.
    #[schema(required)]
    signal: Option<f64>,
    /// The difference of these two.
    #[schema(required)]
    histogram: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PulseBands)]
struct BandsView {
    /// Two deviations above the middle.
    #[schema(required)]
    upper: Option<f64>,
    /// The average.
    #[schema(required)]
    middle: Option<f64>,
    /// Two deviations below it.
    #[schema(required)]
    lower: Option<f64>,
    /// From 0 to 100 between the bands.
    #[schema(required)]
    percent_b: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PulseAdx)]
struct AdxView {
    /// How strong the trend is, whichever.
    #[schema(required)]
    adx: Option<f64>,
    /// Upwards.
    #[schema(required)]
    plus_di: Option<f64>,
    /// Downwards.
    #[schema(required)]
    minus_di: Option<f64>,
}

/// Whether the timeframes agree; 1d has a weight of 40, 4h 25, 1h 15, 15m 10, 5m and 1m 5 each.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PulseAlignment)]
struct AlignmentView {
    /// `uptrend` or `downtrend` with more than 60 %, otherwise `mixed`; `unknown` without any trend.
    direction: &'static str,
    /// Of the side that wins, or of the larger one.
    confluence_strength: f64,
    /// The share of the weight that goes up, by strength.
    uptrend_pct: f64,
    /// And that goes down.
    downtrend_pct: f64,
    /// Timeframes that go neither way.
    conflicts: Vec<Timeframe>,
}

/// What 15m and 5m say about entering now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PulseEntrySignals)]
struct EntrySignals {
    /// How many say buy.
    #[schema(minimum = 0)]
    buy_signals: usize,
    /// How many say sell.
    #[schema(minimum = 0)]
    sell_signals: usize,
    /// `bullish`, `bearish` or `neutral`.
    overall: &'static str,
}

/// The asset named in a path.
pub(super) struct Asked(InstrumentId);

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let text = name_in_path(parts, app, "asset", FIX).await?;
        let unknown = || Problem::not_found(&format!("asset {}", quoted(&text)), FIX);
        let asset: InstrumentId = text.parse().map_err(|_| unknown())?;
        let is_kept = |one: &Timeframe| !app.roster().candidates(&asset, *one).is_empty();
        Timeframe::ALL.iter().any(is_kept).then_some(Self(asset)).ok_or_else(unknown)
    }
}

const FIX: &str = "GET /v1/assets lists what is kept";

/// The pulse of a market
///
/// Trend, momentum and volatility of every timeframe as of its newest closed candle, whether they agree,
/// and how old all of it is. The values are those of `silver.market_data_enriched`. Of each timeframe it
/// is the series on duty. Answered from memory while nothing has landed.
#[utoipa::path(
    get,
    path = "/v1/pulse/{asset}",
    operation_id = "showPulse",
    tag = "candles",
    params(("asset" = String, Path, description = "In any spelling.", example = "BTCUSD")),
    responses(
        (status = 200, description = "The pulse.", body = Pulse, example = json!({
            "asset_pair": "BTCUSD",
            "as_of": "2024-03-06T12:00:30Z",
            "asset_type": "crypto",
            "market_status": "open",
            "verdict": "fresh",
            "age_seconds": 30,
            "latest_market_data_timestamp": "2024-03-06T12:00:00Z",
            "missing_timeframes": ["5m", "15m", "1h", "4h", "1d"],
            "trend_alignment": {
                "direction": "uptrend",
                "confluence_strength": 85.0,
                "uptrend_pct": 85.2,
                "downtrend_pct": 0.0,
                "conflicts": [],
            },
            "entry_signals": { "buy_signals": 0, "sell_signals": 0, "overall": "neutral" },
            "timeframes": {
                "1m": {
                    "verdict": "fresh",
                    "trend": "uptrend",
                    "trend_strength": 85.2,
                    "rsi": 61.3,
                    "macd": { "macd": 12.1, "signal": 10.4, "histogram": 1.7 },
                    "bollinger_bands": {
                        "upper": 66_480.2, "middle": 66_390.1, "lower": 66_300.0, "percent_b": 67.0,
                    },
                    "adx": { "adx": 27.2, "plus_di": 24.9, "minus_di": 15.2 },
                    "atr": 31.7,
                    "volatility": "low",
                    "signal_strength": 58.0,
                    "close": 66_421.12,
                    "open_time": "2024-03-06T11:59:00Z",
                    "last_updated": "2024-03-06T12:00:15Z",
                    "age_seconds": 30,
                    "source_provider": "coinbase",
                    "candles_count": 1100,
                },
            },
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Asked(asset): Asked,
    params: Params,
) -> Result<Json<Pulse>, Problem> {
    params.finish("")?;
    let now = app.clock.now();
    let mut readings: Vec<(Timeframe, Reading)> = Vec::new();
    let (mut views, mut verdicts, mut missing) = (BTreeMap::new(), Vec::new(), Vec::new());
    let (mut latest, mut is_open) = (None, None);
    for timeframe in Timeframe::ALL {
        let book = app.on_duty_at(&asset, timeframe, now).and_then(|series| app.books.get(&series));
        let Some(book) = book else {
            missing.push(timeframe);
            continue;
        };
        let Freshness { verdict, market_open, series, .. } = app.freshness(&book, now);
        verdicts.push(verdict);
        is_open = is_open.or(Some(market_open));
        let until = app.closed_until(&series, now);
        let Some(read) = app.readings.get(&app.lake, &book, until).await? else {
            missing.push(timeframe);
            continue;
        };
        let closed = read.open_time + timeframe.duration();
        latest = latest.max(Some(closed));
        let ages = (read.open_time, read.received_at, (now - closed).num_seconds());
        let view = view(verdict, &read.reading, ages, series.provider);
        views.insert(timeframe.to_string(), view);
        readings.push((timeframe, read.reading.clone()));
    }
    Ok(Json(Pulse {
        asset_type: kind(asset.asset_class()),
        market_status: if is_open == Some(true) { "open" } else { "closed" },
        verdict: worst(&verdicts),
        age_seconds: latest.map(|closed| (now - closed).num_seconds()),
        latest_market_data_timestamp: latest,
        missing_timeframes: missing,
        trend_alignment: alignment(&readings),
        entry_signals: entries(&readings),
        timeframes: views,
        as_of: now,
        asset_pair: asset,
    }))
}

fn view(
    verdict: Verdict,
    reading: &Reading,
    (open_time, last_updated, age_seconds): (DateTime<Utc>, DateTime<Utc>, i64),
    source_provider: ProviderId,
) -> TimeframeView {
    let known = |value: f64| value.is_finite().then_some(value);
    let ([macd, signal, histogram], [upper, middle, lower, percent_b], [adx, plus, minus]) =
        (reading.macd.map(known), reading.bands.map(known), reading.adx.map(known));
    let (trend, trend_strength) = reading.trend();
    TimeframeView {
        verdict,
        trend: trend.as_str(),
        trend_strength,
        rsi: known(reading.rsi),
        macd: MacdView { macd, signal, histogram },
        bollinger_bands: BandsView { upper, middle, lower, percent_b },
        adx: AdxView { adx, plus_di: plus, minus_di: minus },
        atr: known(reading.atr),
        volatility: reading.volatility(),
        signal_strength: reading.signal_strength(),
        close: reading.close,
        open_time,
        last_updated,
        age_seconds,
        source_provider,
        candles_count: reading.candles,
    }
}

const fn weight(timeframe: Timeframe) -> f64 {
    match timeframe {
        Timeframe::D1 => 40.0,
        Timeframe::H4 => 25.0,
        Timeframe::H1 => 15.0,
        Timeframe::M15 => 10.0,
        Timeframe::M5 | Timeframe::M1 => 5.0,
    }
}

fn alignment(readings: &[(Timeframe, Reading)]) -> AlignmentView {
    let trends: Vec<_> = readings
        .iter()
        .map(|(timeframe, reading)| {
            let (direction, strength) = reading.trend();
            (weight(*timeframe), direction, strength)
        })
        .collect();
    let all = align(&trends);
    let ranges = |(_, reading): &&(Timeframe, Reading)| reading.trend().0 == Direction::Ranging;
    AlignmentView {
        direction: all.direction.as_str(),
        confluence_strength: all.strength,
        uptrend_pct: all.up_percent,
        downtrend_pct: all.down_percent,
        conflicts: readings.iter().filter(ranges).map(|(timeframe, _)| *timeframe).collect(),
    }
}

/// An RSI below 30 or a 15m close 2 % below its average says buy, the opposites say sell.
fn entries(readings: &[(Timeframe, Reading)]) -> EntrySignals {
    let (mut buy_signals, mut sell_signals) = (0, 0);
    for (timeframe, reading) in readings {
        if !matches!(timeframe, Timeframe::M5 | Timeframe::M15) {
            continue;
        }
        let is_far = *timeframe == Timeframe::M15;
        buy_signals += usize::from(reading.rsi < 30.0);
        buy_signals += usize::from(is_far && reading.close < reading.sma_20 * 0.98);
        sell_signals += usize::from(reading.rsi > 70.0);
        sell_signals += usize::from(is_far && reading.close > reading.sma_20 * 1.02);
    }
    let overall = match buy_signals.cmp(&sell_signals) {
        std::cmp::Ordering::Greater => "bullish",
        std::cmp::Ordering::Less => "bearish",
        std::cmp::Ordering::Equal => "neutral",
    };
    EntrySignals { buy_signals, sell_signals, overall }
}

/// What cannot be told is worse than what is late.
fn worst(verdicts: &[Verdict]) -> Verdict {
    let is_there = |verdict: &Verdict| verdicts.contains(verdict);
    let order = [Verdict::Unknown, Verdict::Stale, Verdict::Closed, Verdict::Fresh];
    order.into_iter().find(is_there).unwrap_or(Verdict::Unknown)
}

fn kind(class: AssetClass) -> &'static str {
    match class {
        AssetClass::Crypto => "crypto",
        AssetClass::Fx => "forex",
        AssetClass::Equity => "stock",
    }
}
