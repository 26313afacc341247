-- builds: gold.mart_provider_attribution
-- about: What each AI provider decided, and what came of it; of each asset and regime of the market at the
--   decision, and of "all". The Brier score is the mean square of what confidence was off by: 0 is
--   perfect, 0.25 is what 50 percent every time gives. Without an outcome it is null.
-- from: silver.decision_history
-- key: provider_name, asset_pair, regime
-- sort by: provider_name, asset_pair
-- test shares: win_rate is null or win_rate between 0 and 1
with decisions as (
    select
        coalesce(provider_name, 'unknown') as provider_name,
        asset_pair,
        coalesce(market_regime, 'unknown') as regime,
        cast(confidence as double) as confidence,
        action, was_executed, was_profitable, net_pnl, timestamp
    from silver.decision_history
)
select
    provider_name,
    case when grouping(asset_pair) = 1 then 'all' else asset_pair end as asset_pair,
    case when grouping(regime) = 1 then 'all' else regime end as regime,
    count(*) as decisions,
    count(*) filter (where action <> 'HOLD') as signals,
    count(*) filter (where was_executed) as acted_on,
    count(*) filter (where was_profitable is not null) as outcomes,
    cast(count(*) filter (where was_profitable) as double)
        / nullif(count(*) filter (where was_profitable is not null), 0) as win_rate,
    sum(net_pnl) as net_pnl,
    avg(confidence) as average_confidence,
    brier(confidence, was_profitable) as brier,
    min(timestamp) as first_at,
    max(timestamp) as last_at
from decisions
group by grouping sets (
    (provider_name, asset_pair, regime), (provider_name, asset_pair), (provider_name, regime),
    (provider_name)
)
