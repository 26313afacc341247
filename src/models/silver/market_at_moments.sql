-- builds: silver.market_at_moments
-- about: The last candle of an hour that had closed when something was decided or entered, at most three
--   days before. Whether it was received or revised only later is said by market_is_hindsight.
-- from: silver.moments, silver.market_data_enriched, silver.market_regime
-- only silver.market_data_enriched: timeframe = '1h'
-- only silver.market_regime: timeframe = '1h'
-- key: asset_pair, timestamp
-- sort by: asset_pair, timestamp
-- series: asset_pair
-- reach: 4d
-- test not_later: market_timestamp is null or market_timestamp + interval '1 hour' <= timestamp
with hours as (
    select
        e.asset_pair,
        e.timestamp + interval '1 hour' as timestamp,
        named_struct(
            'timestamp', e.timestamp, 'close', e.close, 'source', e.source_provider,
            'is_mock', e.is_mock, 'known_at', e.last_changed_at, 'rsi_14', e.rsi_14,
            'macd_histogram', e.macd_histogram, 'adx_14', e.adx_14, 'atr_14', e.atr_14,
            'percent_b', e.percent_b, 'volatility', e.volatility, 'regime', r.regime
        ) as m
    from silver.market_data_enriched as e
    left join silver.market_regime as r
        on r.asset_pair = e.asset_pair and r.timeframe = e.timeframe and r.timestamp = e.timestamp
),
both as (
    select asset_pair, timestamp, m, false as is_moment from hours
    union all
    select asset_pair, timestamp, null as m, true as is_moment from silver.moments
),
seen as (
    select
        asset_pair, timestamp, is_moment,
        last_value(m) ignore nulls over (
            partition by asset_pair order by timestamp
            range between interval '3 days' preceding and current row
        ) as m
    from both
)
select
    asset_pair,
    timestamp,
    m['timestamp'] as market_timestamp,
    m['known_at'] as market_known_at,
    m['known_at'] > timestamp as market_is_hindsight,
    m['is_mock'] as market_is_mock,
    m['source'] as market_source,
    m['close'] as market_close,
    m['regime'] as market_regime,
    m['rsi_14'] as rsi_14,
    m['macd_histogram'] as macd_histogram,
    m['adx_14'] as adx_14,
    m['atr_14'] as atr_14,
    m['percent_b'] as percent_b,
    m['volatility'] as volatility
from seen
where is_moment
