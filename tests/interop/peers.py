"""Holds a lake against the engines that read it: DuckDB, Polars, pandas and chDB (ClickHouse).

Every engine reads the same version of every table with its own Delta reader and sums up what it
finds; all must find the same. Takes the folder of a lake, at rest or in use.
"""

import math
import os
import sys
from pathlib import Path

import chdb
import duckdb
import duckdb_extensions
import pandas
import polars
from deltalake import DeltaTable

# Texts that any engine turns into the same number, and sums that it may add up in another order.
CANDLES = {
    "rows": "count(*)",
    "assets": "count(distinct asset_pair)",
    "newest": "max(epoch)",
    "oldest": "min(epoch)",
    "revised": "sum(case when revision > 0 then 1 else 0 end)",
    "volumes": "count(volume)",
    "close": "sum(close)",
    "range": "sum(high - low)",
    "own": "sum(case when asset_pair = 'BTCUSD' and epoch >= 1704067200 then open else 0 end)",
}
# A table of the users' own, merged into by key and by partition.
OWN = {"rows": "count(*)", "months": "count(distinct month)", "price": "sum(price)"}
OTHERS = {"rows": "count(*)"}


def asked_of(log):
    if log.parent.name.startswith("raw_market_data_"):
        return CANDLES
    return OWN if log.parent.parent.name == "user" else OTHERS


def columns(asked, epoch):
    return ", ".join(f"{text} as {name}" for name, text in asked.items()).replace("epoch", epoch)


class DuckDb:
    name = f"DuckDB {duckdb.__version__}"

    def __init__(self):
        self.connection = duckdb.connect()
        duckdb_extensions.import_extension("delta", con=self.connection)
        self.connection.sql("load delta")

    def summary(self, table, version, asked):
        words = columns(asked, "epoch(timestamp)")
        answer = self.connection.sql(f"select {words} from delta_scan('{table}', version := {version})")
        return dict(zip(answer.columns, answer.fetchone()))


class ChDb:
    name = f"chDB {chdb.__version__}"

    def summary(self, table, version, asked):
        words = columns(asked, "toUnixTimestamp(timestamp)")
        answer = chdb.query(
            f"select {words} from deltaLakeLocal('{table}') "
            f"settings delta_lake_snapshot_version = {version}",
            "CSVWithNames",
        )
        names, values = str(answer).strip().split("\n")
        unquoted = [name.strip('"') for name in names.split(",")]
        # Of no rows there is no sum.
        number = lambda text: math.nan if text == "\\N" else float(text)
        return dict(zip(unquoted, map(number, values.split(","))))


class Polars:
    name = f"Polars {polars.__version__}"

    def summary(self, table, version, asked):
        rows = polars.scan_delta(table, version=version)
        words = columns(asked, "epoch")
        if asked is CANDLES:
            rows = rows.with_columns(epoch=polars.col("timestamp").dt.epoch("s"))
        answer = rows.sql(f"select {words} from self").collect()
        return answer.row(0, named=True)


class Pandas:
    """By way of pyarrow, with the arithmetic of pandas."""

    name = f"pandas {pandas.__version__}"

    def summary(self, table, version, asked):
        rows = DeltaTable(table, version=version).to_pandas()
        if asked is OWN:
            months = rows["month"].nunique()
            return {"rows": len(rows), "months": months, "price": rows["price"].sum()}
        if asked is OTHERS:
            return {"rows": len(rows)}
        epoch = (rows["timestamp"] - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
        own = (rows["asset_pair"] == "BTCUSD") & (epoch >= 1704067200)
        return {
            "rows": len(rows),
            "assets": rows["asset_pair"].nunique(),
            "newest": epoch.max(),
            "oldest": epoch.min(),
            "revised": (rows["revision"] > 0).sum(),
            "volumes": rows["volume"].count(),
            "close": rows["close"].sum(),
            "range": (rows["high"] - rows["low"]).sum(),
            "own": rows["open"].where(own, 0.0).sum(),
        }


def agree(one, other):
    # Of no rows each has a sum of its own: 0, null, or no number.
    names = ["rows"] if one["rows"] == 0 else one.keys()
    same = lambda a, b: math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-6)
    return one.keys() == other.keys() and all(same(one[name], other[name]) for name in names)


def main():
    lake = Path(sys.argv[1]).resolve()
    # chDB reads below the folder that it runs in, and nowhere else.
    os.chdir(lake)
    engines = [Pandas(), Polars(), DuckDb(), ChDb()]
    read, failed = 0, 0
    for log in sorted(lake.glob("*/*/_delta_log")):
        table, asked = str(log.parent), asked_of(log)
        newest = DeltaTable(table).version()
        # The newest version, and one of the past.
        for version in sorted({newest, max(newest - 5, 0)}):
            found = {engine.name: engine.summary(table, version, asked) for engine in engines}
            first = found[engines[0].name]
            read += int(first["rows"])
            if not all(agree(first, summary) for summary in found.values()):
                failed += 1
                print(f"{log.parent.name} at version {version} differs: {found}")
    names = ", ".join(engine.name for engine in engines)
    print(f"{read} rows read alike by {names}" if not failed else f"{failed} differences")
    sys.exit(1 if failed or read == 0 else 0)


main()
