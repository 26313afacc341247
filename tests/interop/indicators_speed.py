"""How fast Polars computes the ten families of indicators over the candles of a Parquet file.

Takes the file and how often to compute; prints the median in milliseconds. POLARS_MAX_THREADS says on
how many threads.
"""

import statistics
import sys
import time

import polars
from polars import col

file, rounds = sys.argv[1], int(sys.argv[2])

HIGH, LOW, CLOSE = col("high"), col("low"), col("close")


def wilder(values):
    return values.ewm_mean(alpha=1 / 14, adjust=False)


def middle(n):
    return (HIGH.rolling_max(n) + LOW.rolling_min(n)) / 2


def families():
    change, before = CLOSE.diff(), CLOSE.shift(1)
    gain, loss = wilder(change.clip(lower_bound=0)), wilder(-change.clip(upper_bound=0))
    line = CLOSE.ewm_mean(span=12, adjust=False) - CLOSE.ewm_mean(span=26, adjust=False)
    signal = line.ewm_mean(span=9, adjust=False)
    mean, deviation = CLOSE.rolling_mean(20), CLOSE.rolling_std(20, ddof=0)
    upper, lower = mean + 2 * deviation, mean - 2 * deviation
    atr = wilder(polars.max_horizontal(HIGH - LOW, (HIGH - before).abs(), (LOW - before).abs()))
    up, down = HIGH.diff(), -LOW.diff()
    plus = 100 * wilder(polars.when((up > down) & (up > 0)).then(up).otherwise(0)) / atr
    minus = 100 * wilder(polars.when((down > up) & (down > 0)).then(down).otherwise(0)) / atr
    top, bottom = HIGH.rolling_max(14), LOW.rolling_min(14)
    k = 100 * (CLOSE - bottom) / (top - bottom)
    typical = (HIGH + LOW + CLOSE) / 3
    average = typical.rolling_mean(20)
    # The mean deviation of a window, around the mean of that window.
    apart = [(typical.shift(back) - average).abs() for back in range(20)]
    tenkan, kijun = middle(9), middle(26)
    span_a, span_b = ((tenkan + kijun) / 2).shift(26), middle(52).shift(26)
    return {
        "sma_20": mean,
        "sma_50": CLOSE.rolling_mean(50),
        "rsi": 100 * gain / (gain + loss),
        "macd": line,
        "signal": signal,
        "histogram": line - signal,
        "upper": upper,
        "lower": lower,
        "percent_b": 100 * (CLOSE - lower) / (upper - lower),
        "plus_di": plus,
        "minus_di": minus,
        "adx": wilder(100 * (plus - minus).abs() / (plus + minus)),
        "atr": atr,
        "k": k,
        "d": k.rolling_mean(3),
        "cci": (typical - average) / (0.015 * polars.sum_horizontal(apart) / 20),
        "williams_r": -100 * (top - CLOSE) / (top - bottom),
        "tenkan": tenkan,
        "kijun": kijun,
        "senkou_a": span_a,
        "senkou_b": span_b,
        "above": CLOSE > polars.max_horizontal(span_a, span_b),
    }


candles, times = polars.read_parquet(file), []
for _ in range(rounds):
    began = time.perf_counter()
    found = candles.sort("t").lazy().select(**families()).collect()
    times.append((time.perf_counter() - began) * 1e3)
    assert found.height == candles.height
print(f"{'Polars':28} {statistics.median(times):>10.0f} ms")
