-- builds: gold.mart_daily_portfolio_summary
-- about: The account on each day on which trades were entered or left, of each platform and of "all".
-- from: silver.portfolio_snapshots, silver.trade_lifecycle
-- key: day, platform
-- sort by: day, platform
-- test adds_up: abs(equity_end - equity_start - net_pnl) < 0.000001 * greatest(abs(equity_end), 1)
with hours as (
    select *, cast(date_trunc('day', timestamp - interval '1 hour') as date) as day
    from silver.portfolio_snapshots
),
days as (
    select
        platform, day,
        last_value(equity order by timestamp) as equity_end,
        sum(hour_pnl) as net_pnl,
        last_value(open_positions order by timestamp) as open_positions,
        last_value(open_notional order by timestamp) as open_notional,
        max(drawdown) as deepest_drawdown
    from hours group by platform, day
),
opened as (
    select coalesce(platform, 'all') as platform, cast(date_trunc('day', entry_time) as date) as day,
        count(*) as trades
    from silver.trade_lifecycle where status in ('filled', 'closed')
    group by grouping sets ((platform, date_trunc('day', entry_time)), (date_trunc('day', entry_time)))
),
closed as (
    select coalesce(platform, 'all') as platform, cast(date_trunc('day', exit_time) as date) as day,
        count(*) as trades, sum(coalesce(cast(fees as double), 0.0)) as fees,
        max(net_pnl) as best_trade, min(net_pnl) as worst_trade
    from silver.trade_lifecycle where status = 'closed'
    group by grouping sets ((platform, date_trunc('day', exit_time)), (date_trunc('day', exit_time)))
)
select
    d.day,
    d.platform,
    d.equity_end - d.net_pnl as equity_start,
    d.equity_end,
    d.net_pnl,
    coalesce(o.trades, 0) as trades_opened,
    coalesce(c.trades, 0) as trades_closed,
    d.open_positions,
    d.open_notional,
    coalesce(c.fees, 0.0) as fees,
    c.best_trade,
    c.worst_trade,
    d.deepest_drawdown
from days as d
left join opened as o on o.platform = d.platform and o.day = d.day
left join closed as c on c.platform = d.platform and c.day = d.day
