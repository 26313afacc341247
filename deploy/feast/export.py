"""Writes the hours of silver.market_data_enriched as Parquet, which Feast's file source reads.

Takes the lake's folder and the file to write. Rows have two times: when the candle closed, from which on a
feature may be used, and when it was last changed, by which Feast takes the newest of several.
"""

import sys

import polars


def export(lake: str, out: str) -> int:
    candles = polars.read_delta(f"{lake}/silver/market_data_enriched")
    hours = candles.filter(polars.col("timeframe") == "1h").with_columns(
        polars.col("timestamp").dt.offset_by("1h").alias("closed_at"),
        polars.col("last_changed_at").alias("created_at"),
    )
    hours.drop("date").write_parquet(out)
    return hours.height


# Feast imports every file of the repository.
if __name__ == "__main__":
    print(f"{export(sys.argv[1], sys.argv[2])} hours")
