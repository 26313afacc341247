-- builds: silver.market_regime
-- about: What a market does: trending_up, trending_down, volatile or ranging.
-- from: silver.market_data_enriched
-- key: asset_pair, timeframe, timestamp
-- partition by: timeframe, date
-- sort by: asset_pair, timestamp
-- series: asset_pair, timeframe
-- test known: regime in ('trending_up', 'trending_down', 'volatile', 'ranging')
select
    asset_pair,
    timeframe,
    timestamp,
    date,
    case
        when adx_14 > 25 and plus_di > minus_di then 'trending_up'
        when adx_14 > 25 then 'trending_down'
        when atr_14 / close > 0.02 then 'volatile'
        else 'ranging'
    end as regime,
    adx_14,
    plus_di,
    minus_di,
    atr_14 / close * 100 as atr_percent,
    is_mock,
    last_changed_at
from silver.market_data_enriched
where adx_14 is not null
