-- builds: silver.trade_lifecycle
-- about: A trade from its entry to its outcome, by the last that was said of it. Profits are after fees,
--   as they were told, or else what the prices give. What is odd about a trade is said in doubt.
-- from: bronze.raw_trade_executions, bronze.raw_ai_decisions, silver.market_at_moments
-- key: trade_id
-- sort by: asset_pair, entry_time
-- test exit_not_before_entry: exit_time is null or exit_time >= entry_time
-- test decision_is_known (warn): decision_id is null or provider_name is not null
with trades as (
    select
        *,
        row_number() over (
            partition by trade_id
            order by case status when 'closed' then 0 when 'filled' then 1 when 'rejected' then 2 else 3 end,
                revision desc
        ) as place
    from bronze.raw_trade_executions
),
decisions as (
    select *, row_number() over (partition by decision_id order by revision desc) as place
    from bronze.raw_ai_decisions
),
told as (
    select
        t.*,
        cast(t.entry_price as double) as entry,
        cast(t.exit_price as double) as exit,
        cast(t.quantity as double) as units,
        case when t.side = 'LONG' then 1 else -1 end as way,
        d.provider_name as decided_by,
        d.confidence as decided_with,
        d.decision_mode,
        json_get_float(d.raw, 'stop_loss_price') as stop_loss,
        json_get_float(d.raw, 'take_profit_percentage') as take_profit
    from trades as t
    left join decisions as d on d.decision_id = t.decision_id and d.place = 1
    where t.place = 1
),
priced as (
    select
        *,
        (exit - entry) * units * way as gross,
        coalesce(cast(realized_pnl as double),
            (exit - entry) * units * way - coalesce(cast(fees as double), 0)) as net
    from told
)
select
    t.trade_id,
    t.decision_id,
    t.asset_pair,
    t.platform,
    t.side,
    t.order_type,
    t.status,
    t.quantity,
    t.entry_time,
    t.entry_price,
    t.exit_time,
    t.exit_price,
    date_part('epoch', t.exit_time) - date_part('epoch', t.entry_time) as holding_seconds,
    t.fees,
    t.realized_pnl,
    t.gross as gross_pnl,
    case when t.status = 'closed' then t.net end as net_pnl,
    case when t.status = 'closed' then t.net / nullif(t.entry * t.units, 0) * 100 end as roi_percent,
    coalesce(
        json_get_bool(t.raw, 'hit_stop_loss'),
        json_get_str(t.raw, 'exit_reason') = 'stop_loss',
        (t.exit - t.stop_loss) * t.way <= 0
    ) as hit_stop_loss,
    coalesce(
        json_get_bool(t.raw, 'hit_take_profit'),
        json_get_str(t.raw, 'exit_reason') = 'take_profit',
        (t.exit - t.entry) / nullif(t.entry, 0) * 100 * t.way >= t.take_profit
    ) as hit_take_profit,
    coalesce(t.decided_by, json_get_str(t.raw, 'ai_provider')) as provider_name,
    coalesce(t.decided_with, cast(json_get_int(t.raw, 'decision_confidence') as int)) as confidence,
    t.decision_mode,
    m.market_regime as regime_at_entry,
    m.market_is_hindsight,
    case
        when t.exit_time = t.entry_time then 'held for no time'
        when t.exit_price = t.entry_price and coalesce(t.realized_pnl, 0) = 0
            then 'left at the price of its entry'
        when t.realized_pnl is not null and abs(t.net - t.gross + coalesce(cast(t.fees as double), 0))
            > 0.01 + 0.001 * t.entry * t.units then 'its profit is not that of its prices'
    end as doubt,
    t._extracted_at as last_changed_at
from priced as t
left join silver.market_at_moments as m on m.asset_pair = t.asset_pair and m.timestamp = t.entry_time
