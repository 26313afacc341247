"""Writes the newest version of silver.market_data_enriched as Parquet, which Feast's file source reads.

Takes the lake's folder and the file to write. Rows keep two times: when the candle closed, from which on a
feature may be used, and when it was last changed, by which Feast takes the newest of several.
"""

import sys

import polars

lake, out = sys.argv[1], sys.argv[2]
LENGTH = {"1m": "1m", "5m": "5m", "15m": "15m", "1h": "1h", "4h": "4h", "1d": "1d"}

candles = polars.read_delta(f"{lake}/silver/market_data_enriched")
closed = polars.col("timestamp").dt.offset_by(polars.col("timeframe").replace_strict(LENGTH))
candles = candles.filter(polars.col("timeframe") == "1h").with_columns(closed.alias("closed_at"), polars.col("last_changed_at").alias("created_at"))
candles.drop("date").write_parquet(out)
print(f"{candles.height} rows")
