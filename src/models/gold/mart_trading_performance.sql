-- builds: gold.mart_trading_performance
-- about: How trading went, by the day on which trades were closed, and over all days (period "all"); of
--   each asset and platform, and of "all". Sharpe and Sortino are those of daily returns, over 365 days
--   a year where crypto is traded, which never rests, and over 252 weekdays otherwise.
-- from: silver.trade_lifecycle
-- with: system.limits
-- key: period, asset_pair, platform
-- sort by: period, asset_pair
-- test shares: win_rate between 0 and 1
with trades as (
    select asset_pair, platform, date_trunc('day', exit_time) as day, net_pnl, gross_pnl,
        coalesce(cast(fees as double), 0.0) as fees, holding_seconds / 3600.0 as held_hours
    from silver.trade_lifecycle
    where status = 'closed' and net_pnl is not null
),
results as (
    select
        case when grouping(day) = 1 then 'all' else to_char(day, '%Y-%m-%d') end as period,
        case when grouping(asset_pair) = 1 then 'all' else asset_pair end as asset_pair,
        case when grouping(platform) = 1 then 'all' else platform end as platform,
        cast(min(trades.day) as date) as first_day,
        cast(max(trades.day) as date) as last_day,
        count(*) as trades,
        count(*) filter (where net_pnl > 0) as wins,
        count(*) filter (where net_pnl < 0) as losses,
        profit_factor(net_pnl) as profit_factor,
        expectancy(net_pnl) as expectancy,
        avg(net_pnl) filter (where net_pnl > 0) as average_win,
        avg(net_pnl) filter (where net_pnl < 0) as average_loss,
        sum(gross_pnl) as gross_pnl,
        sum(fees) as fees,
        sum(net_pnl) as net_pnl,
        sum(held_hours) as exposure_hours
    from trades
    group by grouping sets (
        (day, asset_pair, platform), (day, asset_pair), (day, platform), (day),
        (asset_pair, platform), (asset_pair), (platform), ()
    )
    having count(*) > 0
),
daily as (
    select
        case when grouping(asset_pair) = 1 then 'all' else asset_pair end as asset_pair,
        case when grouping(platform) = 1 then 'all' else platform end as platform,
        day,
        sum(net_pnl) as pnl,
        bool_or(asset_class(trades.asset_pair) = 'crypto') as is_crypto
    from trades
    group by grouping sets ((day, asset_pair, platform), (day, asset_pair), (day, platform), (day))
),
bounds as (
    select asset_pair, platform, bool_or(is_crypto) as is_crypto,
        unnest(generate_series(min(day), max(day), interval '1 day')) as day
    from daily group by asset_pair, platform
),
every_day as (
    select b.asset_pair, b.platform, b.day, b.is_crypto, coalesce(d.pnl, 0.0) as pnl
    from bounds as b
    left join daily as d
        on d.asset_pair = b.asset_pair and d.platform = b.platform and d.day = b.day
    where b.is_crypto or date_part('isodow', b.day) <= 5 or d.pnl is not null
),
equities as (
    select e.asset_pair, e.platform, e.day, e.is_crypto, e.pnl, l.starting_equity,
        l.starting_equity + sum(e.pnl) over (
            partition by e.asset_pair, e.platform order by e.day rows unbounded preceding) as equity
    from every_day as e cross join system.limits as l
),
ratios as (
    select
        asset_pair, platform,
        case when bool_or(is_crypto) then sharpe(r, 365.0) else sharpe(r, 252.0) end as sharpe,
        case when bool_or(is_crypto) then sortino(r, 365.0) else sortino(r, 252.0) end as sortino
    from (select *, pnl / nullif(greatest(equity - pnl, 0.0), 0.0) as r from equities)
    group by asset_pair, platform
),
falls as (
    select asset_pair, platform,
        max_drawdown(equity order by day) as max_drawdown,
        drawdown_length(equity order by day) as drawdown_days
    from (
        select asset_pair, platform, day, equity from equities
        union all
        select asset_pair, platform, min(day) - interval '1 day', min(starting_equity)
        from equities group by asset_pair, platform
    )
    group by asset_pair, platform
)
select
    r.period,
    r.asset_pair,
    r.platform,
    r.first_day,
    r.last_day,
    r.trades,
    r.wins,
    r.losses,
    cast(r.wins as double) / r.trades as win_rate,
    r.profit_factor,
    r.expectancy,
    r.average_win,
    r.average_loss,
    r.gross_pnl,
    r.fees,
    r.net_pnl,
    r.exposure_hours,
    s.sharpe,
    s.sortino,
    f.max_drawdown,
    f.drawdown_days
from results as r
left join ratios as s
    on r.period = 'all' and s.asset_pair = r.asset_pair and s.platform = r.platform
left join falls as f
    on r.period = 'all' and f.asset_pair = r.asset_pair and f.platform = r.platform
