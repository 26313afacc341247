-- builds: gold.mart_risk_utilization
-- about: How much of what may be risked was: drawdown, value at risk and the largest position, on each day
--   from the first trade to the last, over all platforms. Value at risk is what 19 of 20 days did better
--   than, of the last 60 days' returns, as a share of the equity; null under 30 days.
-- from: silver.trade_lifecycle, silver.portfolio_snapshots
-- with: system.limits
-- key: day
-- sort by: day
-- test shares: drawdown >= 0 and (var_95 is null or var_95 >= 0)
with hours as (
    select *, date_trunc('day', timestamp - interval '1 hour') as day
    from silver.portfolio_snapshots where platform = 'all'
),
days as (
    select day, last_value(equity order by timestamp) as equity, sum(hour_pnl) as pnl,
        max(drawdown) as drawdown
    from hours group by day
),
every_day as (
    select unnest(generate_series(min(day), max(day), interval '1 day')) as day from days
),
filled as (
    select
        e.day,
        coalesce(d.pnl, 0.0) as pnl,
        last_value(d.equity) ignore nulls over upto as equity,
        coalesce(d.drawdown, last_value(d.drawdown) ignore nulls over upto) as drawdown
    from every_day as e left join days as d on d.day = e.day
    window upto as (order by e.day rows unbounded preceding)
),
returns as (
    select *, pnl / nullif(greatest(equity - pnl, 0.0), 0.0) as r from filled
),
risks as (
    select a.day, count(b.r) as returns, percentile_cont(0.05) within group (order by b.r) as fifth
    from returns as a
    join returns as b on b.day <= a.day and b.day > a.day - interval '60 days'
    group by a.day
),
positions as (
    select d.day, t.asset_pair, sum(cast(t.entry_price as double) * cast(t.quantity as double)) as held
    from every_day as d
    join silver.trade_lifecycle as t
        on t.entry_time < d.day + interval '1 day'
        and (t.exit_time is null or t.exit_time >= d.day)
    where t.status in ('filled', 'closed')
    group by d.day, t.asset_pair
),
largest as (
    select day, max(held) as held, sum(held) as all_held, first_value(asset_pair order by held desc) as asset_pair
    from positions group by day
)
select
    cast(f.day as date) as day,
    f.equity,
    f.drawdown,
    f.drawdown / l.max_drawdown as drawdown_used,
    case when r.returns >= 30 then greatest(-r.fifth, 0.0) end as var_95,
    case when r.returns >= 30 then greatest(-r.fifth, 0.0) / l.max_var end as var_used,
    p.asset_pair as largest_position,
    p.held / nullif(f.equity, 0) as largest_position_share,
    p.held / nullif(f.equity, 0) / l.max_position as position_used,
    p.all_held / nullif(f.equity, 0) as leverage
from returns as f
cross join system.limits as l
left join risks as r on r.day = f.day
left join largest as p on p.day = f.day
