-- builds: silver.portfolio_snapshots
-- about: The equity at the end of every hour in which a trade was entered or left, of each platform and of
--   all: what the account began with and the profits that trades have made until then. The
--   platform "all" has them all.
-- from: silver.trade_lifecycle
-- with: system.limits
-- key: platform, timestamp
-- sort by: platform, timestamp
-- test drawdown_is_a_share: drawdown >= 0
with moves as (
    select platform, entry_time as at, 1 as opened, 0 as closed, 0.0 as pnl,
        cast(entry_price as double) * cast(quantity as double) as notional
    from silver.trade_lifecycle where status in ('filled', 'closed')
    union all
    select platform, exit_time, -1, 1, coalesce(net_pnl, 0.0),
        -cast(entry_price as double) * cast(quantity as double)
    from silver.trade_lifecycle where status = 'closed'
),
hours as (
    select
        coalesce(platform, 'all') as platform,
        date_trunc('hour', at) + interval '1 hour' as timestamp,
        sum(opened) as opened, sum(closed) as closed, sum(pnl) as pnl, sum(notional) as notional
    from moves
    group by grouping sets ((platform, date_trunc('hour', at)), (date_trunc('hour', at)))
),
sums as (
    select
        platform, timestamp, pnl as hour_pnl,
        sum(opened) over upto as open_positions,
        sum(closed) over upto as closed_trades,
        sum(pnl) over upto as net_pnl,
        sum(notional) over upto as open_notional
    from hours
    window upto as (partition by platform order by timestamp rows unbounded preceding)
),
equities as (
    select s.*, l.starting_equity + s.net_pnl as equity,
        greatest(l.starting_equity, max(l.starting_equity + s.net_pnl) over (
            partition by s.platform order by s.timestamp rows unbounded preceding)) as peak_equity
    from sums as s cross join system.limits as l
)
select
    platform,
    timestamp,
    equity,
    peak_equity,
    (peak_equity - equity) / peak_equity as drawdown,
    hour_pnl,
    net_pnl,
    open_positions,
    open_notional,
    closed_trades
from equities
