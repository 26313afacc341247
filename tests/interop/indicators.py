"""Holds the functions of SQL against TA-Lib and NumPy: asks a running daemon, computes the same.

Takes the address of the daemon. Every series of candles that it has is compared, value by value, after
the warm-up of whoever warms up longer.
"""

import io
import json
import sys
import urllib.request

import numpy
import polars
import talib

TIMEFRAMES = ["1m", "5m", "15m", "1h"]
# Below that there is nothing behind the longest warm-up.
FEWEST = 300

FAMILIES = """
    select source_provider, asset_pair, timestamp, high, low, close,
        sma(close, 20) over w as sma, ema(close, 26) over w as ema, rsi(close, 14) over w as rsi,
        macd(close, 12, 26, 9) over w as macd, bollinger(close, 20, 2.0) over w as bands,
        adx(high, low, close, 14) over w as adx, atr(high, low, close, 14) over w as atr,
        stochastic(high, low, close, 14, 3) over w as stoch, cci(high, low, close, 20) over w as cci,
        williams_r(high, low, close, 14) over w as williams,
        ichimoku(high, low, close, 9, 26, 52) over w as cloud
    from {table} where revision = 0
    window w as (partition by source_provider, asset_pair order by timestamp)
    order by source_provider, asset_pair, timestamp
"""

MEASURES = """
    select sharpe(change, 365) as sharpe, sortino(change, 365) as sortino,
        profit_factor(change) as profit_factor, expectancy(change) as expectancy,
        max_drawdown(close order by timestamp) as max_drawdown,
        drawdown_length(close order by timestamp) as drawdown_length,
        brier(50, change > 0) as brier
    from (select timestamp, close,
              close / lag(close) over (order by timestamp) - 1 as change
          from {table} where revision = 0 and source_provider = '{provider}' and asset_pair = '{asset}')
"""


def ask(address, query):
    body = json.dumps({"query": query}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/sql?format=parquet", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return polars.read_parquet(io.BytesIO(answer.read()))


def flat(rows):
    """The fields of structs as columns: macd_line."""
    for name, kind in rows.schema.items():
        if isinstance(kind, polars.Struct):
            fields = [f"{name}_{field.name}" for field in kind.fields]
            rows = rows.with_columns(polars.col(name).struct.rename_fields(fields)).unnest(name)
    return rows


def numbers(rows, name):
    return rows[name].cast(polars.Float64).fill_null(numpy.nan).to_numpy()


def middle(high, low, n):
    return (talib.MAX(high, n) + talib.MIN(low, n)) / 2


def expected(high, low, close):
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, center, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    k, d = talib.STOCHF(high, low, close, 14, 3)
    tenkan, kijun = middle(high, low, 9), middle(high, low, 26)
    ahead = lambda values: numpy.concatenate([numpy.full(26, numpy.nan), values[:-26]])
    span_a, span_b = ahead((tenkan + kijun) / 2), ahead(middle(high, low, 52))
    with numpy.errstate(invalid="ignore", divide="ignore"):
        percent = 100 * (close - lower) / (upper - lower)
    known = ~numpy.isnan(span_a + span_b)
    return {
        "sma": talib.SMA(close, 20),
        "ema": talib.EMA(close, 26),
        "rsi": talib.RSI(close, 14),
        "macd_line": line,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "bands_upper": upper,
        "bands_middle": center,
        "bands_lower": lower,
        "bands_percent_b": percent,
        "adx_adx": talib.ADX(high, low, close, 14),
        "adx_plus_di": talib.PLUS_DI(high, low, close, 14),
        "adx_minus_di": talib.MINUS_DI(high, low, close, 14),
        "atr": talib.ATR(high, low, close, 14),
        "stoch_k": k,
        "stoch_d": d,
        "cci": talib.CCI(high, low, close, 20),
        "williams": talib.WILLR(high, low, close, 14),
        "cloud_tenkan": tenkan,
        "cloud_kijun": kijun,
        "cloud_senkou_a": span_a,
        "cloud_senkou_b": span_b,
        "cloud_is_price_above_cloud": numpy.where(known, close > numpy.fmax(span_a, span_b), numpy.nan),
    }


# What is made of the price itself is compared with the price, what has a scale of its own with that.
OF_PRICE = ("sma", "ema", "macd", "bands_u", "bands_m", "bands_l", "atr", "cloud_t", "cloud_k", "cloud_s")


def differs(name, own, other, close):
    """The places at which two results differ by more than 1e-9 of their scale."""
    both = ~(numpy.isnan(own) | numpy.isnan(other))
    scale = close if name.startswith(OF_PRICE) else numpy.maximum(numpy.abs(other), 100)
    with numpy.errstate(invalid="ignore"):
        apart = both & (numpy.abs(own - other) > 1e-9 * scale)
    # What is null here is 0 in TA-Lib, or a division of what its running sums left over.
    flat = numpy.isnan(own) & ~numpy.isnan(other)
    early = ~numpy.isnan(own) & numpy.isnan(other) & (numpy.arange(len(own)) > 100)
    return numpy.flatnonzero(apart | early), int(both.sum()), int(flat[100:].sum())


def measured(close):
    change = close[1:] / close[:-1] - 1
    peak = numpy.maximum.accumulate(close)
    under, longest = 0, 0
    for below in close < peak:
        under = under + 1 if below else 0
        longest = max(longest, under)
    lost = -change[change < 0].sum()
    downside = numpy.sqrt(numpy.mean(numpy.minimum(change, 0) ** 2))
    return {
        "sharpe": change.mean() / change.std(ddof=1) * numpy.sqrt(365),
        "sortino": change.mean() / downside * numpy.sqrt(365),
        "profit_factor": change[change > 0].sum() / lost,
        "expectancy": change.mean(),
        "max_drawdown": ((peak - close) / peak).max(),
        "drawdown_length": longest,
        "brier": 0.25,
    }


def main():
    address, values, failed, nulls = sys.argv[1], 0, 0, 0
    for timeframe in TIMEFRAMES:
        table = f"bronze.raw_market_data_{timeframe}"
        rows = flat(ask(address, FAMILIES.format(table=table)))
        for (provider, asset), own in rows.group_by("source_provider", "asset_pair", maintain_order=True):
            if len(own) < FEWEST:
                continue
            series = f"{provider}/{asset}/{timeframe}"
            high, low, close = (numbers(own, name) for name in ("high", "low", "close"))
            for name, other in expected(high, low, close).items():
                places, compared, null = differs(name, numbers(own, name), other, close)
                values, nulls = values + compared, nulls + null
                if len(places) > 0 or null > compared / 100:
                    failed += 1
                    first = f", first at {places[0]}" if len(places) > 0 else ""
                    print(f"{name} of {series} differs in {len(places)} of {compared} values{first}; {null} are null")
            query = MEASURES.format(table=table, provider=provider, asset=asset)
            found = ask(address, query).row(0, named=True)
            for name, other in measured(close).items():
                values += 1
                if found[name] is None or not numpy.isclose(found[name], other, rtol=1e-9, atol=1e-15):
                    failed += 1
                    print(f"{name} of {series} is {found[name]}, NumPy says {other}")
    print(f"{values} values like those of TA-Lib {talib.__version__} and NumPy; {nulls} null here alone")
    sys.exit(1 if failed or values == 0 else 0)


main()
