-- builds: silver.decision_history
-- about: A decision with the market as it was then, never later, and what came of it once that is known.
-- from: bronze.raw_ai_decisions, silver.market_at_moments, silver.trade_lifecycle
-- key: decision_id
-- partition by: date
-- sort by: asset_pair, timestamp
-- test known_action: action in ('BUY', 'SELL', 'HOLD')
-- test outcome_is_later (warn): outcome_at is null or outcome_at >= timestamp
with decisions as (
    select
        *,
        row_number() over (partition by decision_id order by revision desc) as place,
        count(*) over (partition by decision_id) as revisions
    from bronze.raw_ai_decisions
),
outcomes as (
    select
        decision_id,
        count(*) as trades,
        sum(net_pnl) as net_pnl,
        sum(net_pnl) / nullif(sum(cast(entry_price as double) * cast(quantity as double)
            * case when net_pnl is null then 0 else 1 end), 0) * 100 as roi_percent,
        max(case when status = 'closed' then exit_time end) as outcome_at,
        bool_or(status in ('filled', 'closed')) as was_executed
    from silver.trade_lifecycle
    where decision_id is not null
    group by decision_id
)
select
    d.decision_id,
    d.asset_pair,
    d.timestamp,
    cast(date_trunc('month', d.timestamp) as date) as date,
    d.action,
    d.confidence,
    d.reasoning,
    d.provider_name,
    d.decision_mode,
    case
        when json_get_bool(d.ensemble_metadata, 'debate_mode') then 'debate'
        when json_get_str(d.ensemble_metadata, 'fallback_tier') in ('single_provider')
            or json_get_str(d.ensemble_metadata, 'fallback_tier') like '%fallback%' then 'fallback'
        when json_get_str(d.ensemble_metadata, 'voting_strategy') is not null then 'voting'
        else 'single'
    end as strategy,
    json_get_str(d.ensemble_metadata, 'voting_strategy') as voting_strategy,
    case when json_get_bool(d.ensemble_metadata, 'debate_mode') then null
        else json_get_float(d.ensemble_metadata, 'agreement_score') end as agreement,
    json_get_float(d.ensemble_metadata, 'confidence_variance') as confidence_variance,
    json_get_float(d.ensemble_metadata, 'failure_rate') as provider_failure_rate,
    json_get_float(d.raw, 'execution_result', 'latency_seconds') as latency_seconds,
    d.entry_price,
    d.position_size,
    m.market_timestamp,
    m.market_known_at,
    m.market_is_hindsight,
    m.market_source,
    m.market_close,
    m.market_regime,
    m.rsi_14,
    m.macd_histogram,
    m.adx_14,
    m.atr_14,
    m.percent_b,
    m.volatility,
    coalesce(o.was_executed, false) as was_executed,
    coalesce(o.trades, 0) as trades,
    o.net_pnl,
    o.roi_percent,
    o.net_pnl > 0 as was_profitable,
    o.outcome_at,
    cast(d.revisions as int) as revisions,
    d._extracted_at as last_changed_at
from decisions as d
left join silver.market_at_moments as m on m.asset_pair = d.asset_pair and m.timestamp = d.timestamp
left join outcomes as o on o.decision_id = d.decision_id
where d.place = 1
