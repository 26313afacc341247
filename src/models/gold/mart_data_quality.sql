-- builds: gold.mart_data_quality
-- about: The report card: of every series and day how many candles there should be, how many landed, and
--   what became of the others; how many were revised, and how long after their close they were first
--   seen. Days are those of UTC; timestamp is where the day ends. Only what has closed and settled counts.
-- from: bronze.candles, system.coverage
-- with: system.expectations
-- key: source_provider, asset_pair, timeframe, timestamp
-- partition by: date
-- sort by: asset_pair, timestamp
-- series: source_provider, asset_pair, timeframe
-- reach: 1d
-- test adds_up: expected = final + confirmed_empty + refused + missing + pending
-- test gap_rate (warn): select b.* from whole.built as b join system.expectations as e
--   on e.expectation = 'gap_rate' and e.timeframe = b.timeframe and e.asset_class = asset_class(b.asset_pair)
--   where b.missing + b.pending > e.threshold * b.expected
with landed as (
    select
        source_provider, asset_pair, timeframe, date_trunc('day', timestamp) as day,
        count(distinct timestamp) as landed,
        count(*) filter (where revision > 0) as revisions,
        count(distinct timestamp) filter (where revision > 0) as revised,
        percentile_cont(0.5) within group (order by lag) filter (where revision = 0) as lag_p50,
        percentile_cont(0.99) within group (order by lag) filter (where revision = 0) as lag_p99,
        max(_extracted_at) as last_landed_at
    from (
        select *, date_part('epoch', _extracted_at) - date_part('epoch', timestamp)
            - case timeframe when '1m' then 60.0 when '5m' then 300.0 when '15m' then 900.0
                when '1h' then 3600.0 when '4h' then 14400.0 else 86400.0 end as lag
        from bronze.candles
    )
    group by source_provider, asset_pair, timeframe, date_trunc('day', timestamp)
)
select
    c.source_provider,
    c.asset_pair,
    c.timeframe,
    c.timestamp + interval '1 day' as timestamp,
    cast(date_trunc('year', c.timestamp) as date) as date,
    cast(c.timestamp as date) as day,
    c.final + c.no_trade + c.quarantined + c.missing + c.pending as expected,
    coalesce(l.landed, 0) as landed,
    c.final,
    c.no_trade as confirmed_empty,
    c.quarantined as refused,
    c.missing,
    c.pending,
    c.waived,
    c.market_closed as closed,
    coalesce(l.revised, 0) as revised,
    coalesce(l.revisions, 0) as revisions,
    l.lag_p50 as first_seen_lag_p50_seconds,
    l.lag_p99 as first_seen_lag_p99_seconds,
    cast(c.final + c.no_trade as double)
        / nullif(c.final + c.no_trade + c.quarantined + c.missing + c.pending, 0) as completeness,
    l.last_landed_at
from system.coverage as c
left join landed as l
    on l.source_provider = c.source_provider and l.asset_pair = c.asset_pair
    and l.timeframe = c.timeframe and l.day = c.timestamp
