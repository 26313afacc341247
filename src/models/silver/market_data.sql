-- builds: silver.market_data
-- about: One row per candle: the newest revision of the best source. Real before simulated, then the
--   order of the providers in the settings, then what was received last.
-- from: bronze.candles
-- with: system.preference
-- key: asset_pair, timeframe, timestamp
-- partition by: timeframe, date
-- sort by: asset_pair, timestamp
-- series: asset_pair, timeframe
-- test high_covers_body: high >= greatest(open, close)
-- test low_covers_body: low <= least(open, close)
-- test positive: low > 0
-- test volume_not_negative: volume is null or volume >= 0
with ranked as (
    select
        c.*,
        row_number() over (
            partition by c.asset_pair, c.timeframe, c.timestamp
            order by c.is_mock, coalesce(p.place, 1000), c._extracted_at desc, c.revision desc
        ) as place,
        count(*) over source as revisions,
        min(c._extracted_at) over source as first_seen_at,
        max(c._extracted_at) over source as last_changed_at
    from bronze.candles as c
    left join system.preference as p
        on p.asset_pair = c.asset_pair and p.source_provider = c.source_provider
    window source as (partition by c.asset_pair, c.timeframe, c.timestamp, c.source_provider)
)
select
    asset_pair,
    timeframe,
    timestamp,
    cast(
        case when timeframe in ('1m', '5m') then date_trunc('month', timestamp)
        else date_trunc('year', timestamp) end as date
    ) as date,
    open,
    high,
    low,
    close,
    volume,
    trade_count,
    source_provider,
    is_mock,
    is_derived,
    revision,
    cast(revisions as int) as revisions,
    first_seen_at,
    last_changed_at
from ranked
where place = 1
