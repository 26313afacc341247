-- builds: silver.anomalies
-- about: Candles that are good but unusual for their series, with what they were measured against. What is
--   unusual is said under [quality] in the settings. Nothing is held back because of it.
-- from: silver.market_data
-- with: system.expectations
-- key: asset_pair, timeframe, timestamp, expectation
-- partition by: date
-- sort by: asset_pair, timestamp
-- series: asset_pair, timeframe
-- reach: 300 rows
-- test price_move (warn): expectation <> 'price_move'
-- test volume_spike (warn): expectation <> 'volume_spike'
-- test flat_with_volume (warn): expectation <> 'flat_with_volume'
with moves as (
    select *, ln(close / lag(close) over candle) as move, ln(1 + volume) as size
    from silver.market_data
    window candle as (partition by asset_pair, timeframe order by timestamp)
),
measured as (
    select
        *,
        robust_z(move, 288) over candle as of_move,
        robust_z(size, 288) over candle as of_size,
        robust_z(volume, 288) over candle as of_volume
    from moves
    window candle as (partition by asset_pair, timeframe order by timestamp)
),
found as (
    select *, 'price_move' as expectation, (exp(move) - 1) * 100 as value, 'percent' as unit,
        abs(of_move['z']) as score, of_move['median'] as median, of_move['spread'] as spread
    from measured
    union all
    select *, 'volume_spike', volume * 1.0, 'volume', of_size['z'], of_volume['median'], of_volume['spread']
    from measured
    union all
    select *, 'flat_with_volume', volume * 1.0, 'volume', volume / nullif(of_volume['median'], 0),
        of_volume['median'], of_volume['spread']
    from measured
    where high = low
)
select
    f.asset_pair,
    f.timeframe,
    f.timestamp,
    cast(date_trunc('month', f.timestamp) as date) as date,
    f.expectation,
    f.value,
    f.unit,
    f.score,
    e.threshold,
    f.median,
    f.spread,
    f.source_provider,
    f.revision,
    f.is_mock,
    f.last_changed_at
from found as f
join system.expectations as e
    on e.expectation = f.expectation and e.timeframe = f.timeframe
    and e.asset_class = asset_class(f.asset_pair)
where f.score > e.threshold
