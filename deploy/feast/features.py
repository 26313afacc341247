"""The indicators of the hour as a Feast feature view: what a model asks for is read from `hours.parquet`.

Feast joins by `closed_at`, which is what `known_by=close` of `POST /v1/features` means. For what had really
been received by then ask that route, whose answer is a training set as it is.
"""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float64, String
from feast.value_type import ValueType

asset = Entity(name="asset", join_keys=["asset_pair"], value_type=ValueType.STRING)

hours = FileSource(
    path="data/hours.parquet",
    timestamp_field="closed_at",
    created_timestamp_column="created_at",
)

NUMBERS = ["close", "rsi_14", "macd_histogram", "percent_b", "adx_14", "atr_14", "stoch_k", "cci_20"]

indicators_1h = FeatureView(
    name="indicators_1h",
    entities=[asset],
    ttl=timedelta(days=4),
    schema=[Field(name=name, dtype=Float64) for name in NUMBERS]
    + [Field(name="volatility", dtype=String)],
    source=hours,
)
