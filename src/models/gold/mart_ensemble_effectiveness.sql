-- builds: gold.mart_ensemble_effectiveness
-- about: Ways of deciding against one another: debate, voting, fallback and a single provider. A debate says
--   nothing of agreement: it always wrote down that all agreed.
-- from: silver.decision_history
-- key: strategy
-- sort by: strategy
-- test known: strategy in ('debate', 'voting', 'fallback', 'single')
select
    strategy,
    count(*) as decisions,
    avg(agreement) as agreement,
    avg(confidence_variance) as confidence_variance,
    avg(provider_failure_rate) as provider_failure_rate,
    avg(cast(confidence as double)) as average_confidence,
    count(*) filter (where was_executed) as acted_on,
    count(*) filter (where was_profitable is not null) as outcomes,
    cast(count(*) filter (where was_profitable) as double)
        / nullif(count(*) filter (where was_profitable is not null), 0) as win_rate,
    sum(net_pnl) as net_pnl,
    brier(cast(confidence as double), was_profitable) as brier,
    avg(latency_seconds) as latency_seconds
from silver.decision_history
group by strategy
