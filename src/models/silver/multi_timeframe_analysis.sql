-- builds: silver.multi_timeframe_analysis
-- about: Every five minutes, what the last closed candle of each timeframe said then, and whether they
--   agreed: the pulse, as it was.
-- from: silver.market_data_enriched
-- key: asset_pair, timestamp
-- partition by: date
-- series: asset_pair
-- reach: 6d
-- test strength_in_range: confluence_strength between 0 and 100
-- test known: direction in ('uptrend', 'downtrend', 'mixed', 'unknown')
with averages as (
    select
        *,
        timestamp + arrow_cast(
            case timeframe when '1m' then 60 when '5m' then 300 when '15m' then 900 when '1h' then 3600
                when '4h' then 14400 else 86400 end * 1000000,
            'Duration(Microsecond)'
        ) as closed_at,
        signum(sma_20 - sma_50) as side,
        least(100, 50 + abs(sma_20 - sma_50) / sma_50 * 100 * 200) as apart
    from silver.market_data_enriched
),
trends as (
    select
        *,
        case
            when side is null then 'unknown'
            when side > 0 and close < sma_20 * 0.98 then 'ranging'
            when side < 0 and close > sma_20 * 1.02 then 'ranging'
            when side > 0 then 'uptrend'
            when side < 0 then 'downtrend'
            else 'ranging'
        end as trend,
        case when side is null then 0 else least(100,
            case
                when adx_14 > 25 and (side > 0 and plus_di > minus_di or side < 0 and minus_di > plus_di)
                    then apart + 10
                when adx_14 <= 25 then greatest(30, apart - 15)
                else apart
            end
            + case when side > 0 and macd_line > macd_signal or side < 0 and macd_line < macd_signal
                then 5 else 0 end
        ) end as strength,
        (coalesce(rsi_vote, 0) + coalesce(macd_vote, 0) + coalesce(adx_vote, 0) + coalesce(band_vote, 0))
            / nullif(nvl2(rsi_vote, 1, 0) + nvl2(macd_vote, 1, 0) + nvl2(adx_vote, 1, 0)
                + nvl2(band_vote, 1, 0), 0) as votes
    from (
        select
            *,
            case when rsi_14 < 30 or rsi_14 > 70 then 80.0 when rsi_14 < 40 or rsi_14 > 60 then 60.0
                when rsi_14 is not null then 40.0 end as rsi_vote,
            case when abs(macd_histogram) / nullif(atr_14, 0) > 0.1 then 80.0
                when abs(macd_histogram) / nullif(atr_14, 0) > 0.05 then 65.0
                when macd_histogram is not null and atr_14 > 0 then 50.0 end as macd_vote,
            case when adx_14 > 25 then least(100, 50 + adx_14) when adx_14 is not null then 30.0
                end as adx_vote,
            case when percent_b < 10 or percent_b > 90 then 85.0
                when percent_b < 30 or percent_b > 70 then 65.0
                when percent_b is not null then 45.0 end as band_vote
        from averages
    )
),
readings as (
    select
        asset_pair, timeframe, closed_at,
        named_struct(
            'at', arrow_cast(closed_at, 'Int64'), 'trend', trend, 'strength', strength, 'signal', trunc(coalesce(votes, 50.0)),
            'buys', case when rsi_14 < 30 then 1 else 0 end
                + case when timeframe = '15m' and close < sma_20 * 0.98 then 1 else 0 end,
            'sells', case when rsi_14 > 70 then 1 else 0 end
                + case when timeframe = '15m' and close > sma_20 * 1.02 then 1 else 0 end
        ) as r
    from trends
),
carried as (
    select
        asset_pair, timeframe, closed_at,
        carry(case when timeframe = '1m' then r end) over upto as m1,
        carry(case when timeframe = '5m' then r end) over upto as m5,
        carry(case when timeframe = '15m' then r end) over upto as m15,
        carry(case when timeframe = '1h' then r end) over upto as h1,
        carry(case when timeframe = '4h' then r end) over upto as h4,
        carry(case when timeframe = '1d' then r end) over upto as d1
    from readings
    -- What closes with a slot is known in it.
    window upto as (partition by asset_pair order by closed_at, timeframe = '5m')
),
-- A timeframe that has said nothing for five days says nothing. In microseconds: intervals are counted in
-- the calendar of a time zone, which takes most of the time of a build.
recent as (
    select *, arrow_cast(closed_at, 'Int64') - 432000000000 as since from carried where timeframe = '5m'
),
slots as (
    select
        asset_pair, closed_at,
        case when m1['at'] >= since then m1 end as m1,
        case when m5['at'] >= since then m5 end as m5,
        case when m15['at'] >= since then m15 end as m15,
        case when h1['at'] >= since then h1 end as h1,
        case when h4['at'] >= since then h4 end as h4,
        case when d1['at'] >= since then d1 end as d1
    from recent
),
sums as (
    select
        *,
        (
            case when d1['trend'] = 'uptrend' then 40 * d1['strength'] else 0 end
            + case when h4['trend'] = 'uptrend' then 25 * h4['strength'] else 0 end
            + case when h1['trend'] = 'uptrend' then 15 * h1['strength'] else 0 end
            + case when m15['trend'] = 'uptrend' then 10 * m15['strength'] else 0 end
            + case when m5['trend'] = 'uptrend' then 5 * m5['strength'] else 0 end
            + case when m1['trend'] = 'uptrend' then 5 * m1['strength'] else 0 end
        ) as up,
        (
            case when d1['trend'] = 'downtrend' then 40 * d1['strength'] else 0 end
            + case when h4['trend'] = 'downtrend' then 25 * h4['strength'] else 0 end
            + case when h1['trend'] = 'downtrend' then 15 * h1['strength'] else 0 end
            + case when m15['trend'] = 'downtrend' then 10 * m15['strength'] else 0 end
            + case when m5['trend'] = 'downtrend' then 5 * m5['strength'] else 0 end
            + case when m1['trend'] = 'downtrend' then 5 * m1['strength'] else 0 end
        ) as down,
        case when d1['trend'] <> 'unknown' then 40 else 0 end
            + case when h4['trend'] <> 'unknown' then 25 else 0 end
            + case when h1['trend'] <> 'unknown' then 15 else 0 end
            + case when m15['trend'] <> 'unknown' then 10 else 0 end
            + case when m5['trend'] <> 'unknown' then 5 else 0 end
            + case when m1['trend'] <> 'unknown' then 5 else 0 end as total,
        coalesce(m5['buys'], 0) + coalesce(m15['buys'], 0) as buys,
        coalesce(m5['sells'], 0) + coalesce(m15['sells'], 0) as sells
    from slots
)
select
    asset_pair,
    closed_at as timestamp,
    cast(date_trunc('month', closed_at) as date) as date,
    m1['trend'] as direction_1m, m1['strength'] as strength_1m, m1['signal'] as signal_strength_1m,
    m5['trend'] as direction_5m, m5['strength'] as strength_5m, m5['signal'] as signal_strength_5m,
    m15['trend'] as direction_15m, m15['strength'] as strength_15m, m15['signal'] as signal_strength_15m,
    h1['trend'] as direction_1h, h1['strength'] as strength_1h, h1['signal'] as signal_strength_1h,
    h4['trend'] as direction_4h, h4['strength'] as strength_4h, h4['signal'] as signal_strength_4h,
    d1['trend'] as direction_1d, d1['strength'] as strength_1d, d1['signal'] as signal_strength_1d,
    case
        when total = 0 then 'unknown'
        when up / total > 60 then 'uptrend'
        when down / total > 60 then 'downtrend'
        else 'mixed'
    end as direction,
    coalesce(trunc(greatest(up, down) / nullif(total, 0)), 0) as confluence_strength,
    concat_ws(',',
        case when m1['trend'] = 'ranging' then '1m' end, case when m5['trend'] = 'ranging' then '5m' end,
        case when m15['trend'] = 'ranging' then '15m' end, case when h1['trend'] = 'ranging' then '1h' end,
        case when h4['trend'] = 'ranging' then '4h' end, case when d1['trend'] = 'ranging' then '1d' end
    ) as conflicts,
    case when buys > sells then 'bullish' when sells > buys then 'bearish' else 'neutral' end
        as entry_signal
from sums
