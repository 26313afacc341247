-- builds: silver.market_data_enriched
-- about: Candles with the ten families of indicators, in full precision; null during the warm-up.
-- from: silver.market_data
-- key: asset_pair, timeframe, timestamp
-- partition by: timeframe, date
-- sort by: asset_pair, timestamp
-- series: asset_pair, timeframe
-- reach: 1000 rows
-- test rsi_in_range: rsi_14 is null or rsi_14 between 0 and 100
-- test bands_in_order: bb_upper is null or bb_upper >= bb_middle and bb_middle >= bb_lower
with families as (
    select
        c.*,
        sma(close, 20) over candle as sma_20,
        sma(close, 50) over candle as sma_50,
        rsi(close, 14) over candle as rsi_14,
        macd(close, 12, 26, 9) over candle as macd,
        bollinger(close, 20, 2.0) over candle as bands,
        adx(high, low, close, 14) over candle as adx,
        atr(high, low, close, 14) over candle as atr_14,
        stochastic(high, low, close, 14, 3) over candle as stoch,
        cci(high, low, close, 20) over candle as cci_20,
        williams_r(high, low, close, 14) over candle as williams_r_14,
        ichimoku(high, low, close, 9, 26, 52) over candle as cloud
    from silver.market_data as c
    window candle as (partition by asset_pair, timeframe order by timestamp)
)
select
    asset_pair, timeframe, timestamp, date, open, high, low, close, volume, source_provider, is_mock,
    is_derived, revision, last_changed_at,
    sma_20, sma_50, rsi_14,
    macd['line'] as macd_line, macd['signal'] as macd_signal, macd['histogram'] as macd_histogram,
    bands['upper'] as bb_upper, bands['middle'] as bb_middle, bands['lower'] as bb_lower,
    bands['percent_b'] as percent_b,
    adx['adx'] as adx_14, adx['plus_di'] as plus_di, adx['minus_di'] as minus_di,
    atr_14,
    stoch['k'] as stoch_k, stoch['d'] as stoch_d,
    cci_20, williams_r_14,
    cloud['tenkan'] as tenkan, cloud['kijun'] as kijun, cloud['senkou_a'] as senkou_a,
    cloud['senkou_b'] as senkou_b, cloud['is_price_above_cloud'] as is_price_above_cloud,
    case when rsi_14 > 70 then 'overbought' when rsi_14 < 30 then 'oversold'
        when rsi_14 is not null then 'neutral' end as rsi_signal,
    case when atr_14 / close < 0.01 then 'low' when atr_14 / close < 0.025 then 'medium'
        when atr_14 is not null then 'high' end as volatility
from families
