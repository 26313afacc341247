-- builds: gold.mart_market_regime_stats
-- about: How trades went by the regime of the market when they were entered, of each asset and of "all".
-- from: silver.trade_lifecycle
-- key: regime, asset_pair
-- sort by: regime, asset_pair
-- test shares: win_rate between 0 and 1
with trades as (
    select *, coalesce(regime_at_entry, 'unknown') as regime
    from silver.trade_lifecycle
    where status = 'closed' and net_pnl is not null
)
select
    regime,
    case when grouping(asset_pair) = 1 then 'all' else asset_pair end as asset_pair,
    count(*) as trades,
    cast(count(*) filter (where net_pnl > 0) as double) / count(*) as win_rate,
    sum(net_pnl) as net_pnl,
    expectancy(net_pnl) as expectancy,
    profit_factor(net_pnl) as profit_factor,
    avg(roi_percent) as average_roi_percent,
    avg(holding_seconds) / 3600 as average_held_hours
from trades
group by grouping sets ((regime, asset_pair), (regime))
