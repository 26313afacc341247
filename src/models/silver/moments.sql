-- builds: silver.moments
-- about: When something was decided or entered; the market of these moments is looked up.
-- from: bronze.raw_ai_decisions, bronze.raw_trade_executions
-- key: asset_pair, timestamp
-- sort by: asset_pair, timestamp
select asset_pair, timestamp from bronze.raw_ai_decisions
union
select asset_pair, entry_time as timestamp from bronze.raw_trade_executions
