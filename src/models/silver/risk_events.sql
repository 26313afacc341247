-- builds: silver.risk_events
-- about: What went wrong in trading: stops that were hit, and drawdowns that came to be deeper than
--   trading.max_drawdown.
-- from: silver.trade_lifecycle, silver.portfolio_snapshots
-- with: system.limits
-- key: event_id
-- sort by: timestamp
with depths as (
    select s.*, l.max_drawdown,
        lag(s.drawdown, 1, 0.0) over (partition by s.platform order by s.timestamp) as before
    from silver.portfolio_snapshots as s cross join system.limits as l
)
select
    concat('stop_loss/', trade_id) as event_id,
    'stop_loss' as kind,
    exit_time as timestamp,
    asset_pair,
    platform,
    trade_id,
    net_pnl as value,
    cast(null as double) as limit_value
from silver.trade_lifecycle
where hit_stop_loss and exit_time is not null
union all
select
    concat('drawdown/', platform, '/', to_char(timestamp, '%Y-%m-%dT%H:%M:%SZ')),
    'drawdown',
    timestamp,
    cast(null as varchar),
    platform,
    cast(null as varchar),
    drawdown,
    max_drawdown
from depths
where drawdown > max_drawdown and before <= max_drawdown
