"""How fast DuckDB and Polars read a table of candles: one week of one asset, and a sum by asset.

Takes the folder of the table, an asset, the first and the last instant of the week in seconds, and
how often to ask; prints engine, question, and the median of each in milliseconds. Each engine has
opened the table before, and reads its log no more.
"""

import statistics
import sys
import time

import duckdb
import duckdb_extensions
import polars
from deltalake import DeltaTable

table, asset, start, end, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])

WEEK = (
    "select timestamp, open, high, low, close, volume from candles where asset_pair = '{asset}' "
    "and timestamp >= {start} and timestamp < {end} order by timestamp"
)
BY_ASSET = (
    "select asset_pair, count(*) as candles, avg(close) as mean, max(high) as high, "
    "sum(volume) as volume from candles group by asset_pair order by asset_pair"
)


def duck():
    connection = duckdb.connect()
    duckdb_extensions.import_extension("delta", con=connection)
    connection.sql("load delta; set timezone = 'UTC'")
    connection.sql(f"attach '{table}' as lake (type delta, pin_snapshot)")
    connection.sql("create view candles as from lake")
    at = lambda seconds: f"to_timestamp({seconds})"
    week = WEEK.format(asset=asset, start=at(start), end=at(end))
    ask = lambda text: connection.execute(text).to_arrow_table().num_rows
    return lambda: ask(week), lambda: ask(BY_ASSET)


def polar():
    rows = polars.scan_delta(DeltaTable(table))
    at = lambda seconds: polars.from_epoch(polars.lit(seconds), "s").dt.replace_time_zone("UTC")
    own = polars.col("asset_pair") == asset
    inside = (polars.col("timestamp") >= at(start)) & (polars.col("timestamp") < at(end))
    week = rows.filter(own & inside).select("timestamp", "open", "high", "low", "close", "volume")
    by_asset = rows.group_by("asset_pair").agg(
        candles=polars.len(),
        mean=polars.col("close").mean(),
        high=polars.col("high").max(),
        volume=polars.col("volume").sum(),
    )
    return (
        lambda: week.sort("timestamp").collect().height,
        lambda: by_asset.sort("asset_pair").collect().height,
    )


for name, (week, by_asset) in {"DuckDB": duck(), "Polars": polar()}.items():
    for question, ask in {"week": week, "by_asset": by_asset}.items():
        found, times = ask(), []
        for _ in range(rounds):
            began = time.perf_counter()
            ask()
            times.append((time.perf_counter() - began) * 1e3)
        print(name, question, found, f"{statistics.median(times):.3f}", flush=True)
