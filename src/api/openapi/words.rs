//! The words of the market as the API writes them.

use std::borrow::Cow;

use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, Object, ObjectBuilder, RefOr, SchemaFormat,
        schema::{Schema, Type},
    },
};

use crate::{
    ingest::Role,
    market::{
        AssetClass, CandleState, Feed, Indicator, InstrumentId, ProviderId, Series, Subject,
        Timeframe, Window,
    },
    providers::Circuit,
    quality::Check,
    query::{Condition, Reason, Verdict},
};

impl PartialSchema for ProviderId {
    fn schema() -> RefOr<Schema> {
        let about = "Who says so: `coinbase`, `oanda`, `alpha_vantage`, or the name of an import.";
        written(about, "^[a-z0-9_]{1,40}$", "coinbase")
    }
}

impl ToSchema for ProviderId {
    fn name() -> Cow<'static, str> {
        "Provider".into()
    }
}

impl PartialSchema for InstrumentId {
    fn schema() -> RefOr<Schema> {
        written("What is traded, without separators.", "^[A-Z0-9]{1,20}$", "BTCUSD")
    }
}

impl ToSchema for InstrumentId {
    fn name() -> Cow<'static, str> {
        "Asset".into()
    }
}

impl PartialSchema for Series {
    fn schema() -> RefOr<Schema> {
        let pattern = "^[a-z0-9_]{1,40}/[A-Z0-9]{1,20}/(1m|5m|15m|1h|4h|1d)$";
        written("Provider, asset and timeframe.", pattern, "coinbase/BTCUSD/1m")
    }
}

impl ToSchema for Series {}

impl PartialSchema for Feed {
    fn schema() -> RefOr<Schema> {
        let about = "Articles about an asset, or a macroeconomic indicator, of one provider.";
        let indicators = Indicator::ALL.map(Indicator::as_str).join("|");
        let pattern = format!("^alpha_vantage/(news/[A-Z0-9]{{1,20}}|macro/({indicators}))$");
        written(about, &pattern, "alpha_vantage/news/BTCUSD")
    }
}

impl ToSchema for Feed {}

impl PartialSchema for Subject {
    fn schema() -> RefOr<Schema> {
        let pattern = "^([a-z0-9_]{1,40}/[A-Za-z0-9]+/[A-Za-z0-9_]+|raw_[a-z_]+|user\\.[a-z][a-z0-9_]{0,63})$";
        let about = "A series, a feed, a table of records, or one of the users' own.";
        written(about, pattern, "coinbase/BTCUSD/1m")
    }
}

impl ToSchema for Subject {}

impl PartialSchema for Timeframe {
    fn schema() -> RefOr<Schema> {
        let about = "How long a candle lasts; all of them are aligned to the UTC day.";
        choice(about, &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Timeframe {}

impl PartialSchema for Indicator {
    fn schema() -> RefOr<Schema> {
        choice("A number about the economy of the United States.", &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Indicator {}

impl PartialSchema for AssetClass {
    fn schema() -> RefOr<Schema> {
        choice("Decides the calendar.", &["crypto", "fx", "equity"])
    }
}

impl ToSchema for AssetClass {}

impl PartialSchema for Role {
    fn schema() -> RefOr<Schema> {
        let about = "`kept`: always polled and backfilled. `stand_in`: polled while those before it \
                     give nothing. `disabled`: its asset or timeframe is not kept at present. \
                     `imported`: nobody asks for it.";
        choice(about, &["kept", "stand_in", "disabled", "imported"])
    }
}

impl ToSchema for Role {}

impl PartialSchema for Circuit {
    fn schema() -> RefOr<Schema> {
        let about = "`closed`: requests go through. `half_open`: one is let through to see. `open`: \
                     none is sent for a while.";
        choice(about, &["closed", "half_open", "open"])
    }
}

impl ToSchema for Circuit {}

impl PartialSchema for Verdict {
    fn schema() -> RefOr<Schema> {
        let about = "`fresh`: every candle that is due is accounted for, or overdue by less than \
                     allowed. `stale`: the next candle is overdue. `closed`: the market is, and \
                     nothing is missing. `unknown`: there is no candle at all.";
        choice(about, &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Verdict {}

impl PartialSchema for CandleState {
    fn schema() -> RefOr<Schema> {
        let about = "The one state of a candle that should have closed by now. `final`: in the \
                     lake. `no_trade`: confirmed by several answers. `quarantined`: refused, see \
                     the dead letters. `before_history`: older than what the provider has. \
                     `waived`: another provider answers for it. `market_closed`: none is expected. \
                     `missing`: asked for and not given, not confirmed yet. `pending`: not asked \
                     for yet.";
        choice(about, &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for CandleState {}

impl PartialSchema for Condition {
    fn schema() -> RefOr<Schema> {
        let about = "The worst that is so of a day. `missing`: candles were asked for and not \
                     given. `pending`: candles were not asked for yet. `degraded`: candles were \
                     refused, or are told differently elsewhere. `available`: all are in the lake \
                     or confirmed not to exist. `closed`: none is expected.";
        choice(about, &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Condition {}

impl PartialSchema for Reason {
    fn schema() -> RefOr<Schema> {
        let about = "Why candles are owed. `never_asked`: their turn has not come. `rewound`: they \
                     are asked for again. `awaiting_confirmation`: answers lacked them, more must. \
                     `no_follower`: answers lacked them, and nothing is concluded before a candle \
                     follows. `circuit_open`, `quota_exhausted`, `provider_failing`: the provider \
                     cannot be asked, or in vain. `no_credentials`: a setting is missing. \
                     `waiting_for_children`: the finer candles are not complete. `stands_in`: \
                     asked for only while others give nothing. `not_kept`: nobody asks. \
                     `left_to_backfill`: a backfill has them in work, or is held up.";
        choice(about, &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Reason {}

impl PartialSchema for Check {
    fn schema() -> RefOr<Schema> {
        let about = "`provider_divergence`: two providers on the same candle. `timeframe_mismatch`: \
                     a provider's own candle and the one that its finer candles make.";
        choice(about, &Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Check {}

impl PartialSchema for Window {
    fn schema() -> RefOr<Schema> {
        let time = |about: &str, example: &str| {
            let time = text(about).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
            time.examples([json!(example)])
        };
        ObjectBuilder::new()
            .description(Some("`[start, end)`, on the candle grid."))
            .property("start", time("The first instant.", "2024-03-06T11:57:00Z"))
            .property("end", time("The first instant after it.", "2024-03-06T12:00:00Z"))
            .required("start")
            .required("end")
            .into()
    }
}

impl ToSchema for Window {}

/// How many candles are in each state.
pub(in crate::api) enum StateCounts {}

impl PartialSchema for StateCounts {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0));
        ObjectBuilder::new()
            .description(Some("Candles by state."))
            .property_names(Some(one_of(&CandleState::ALL.map(CandleState::as_str))))
            .additional_properties(Some(count))
            .into()
    }
}

impl ToSchema for StateCounts {}

/// Bytes as they came, of no known kind.
pub(in crate::api) enum Octets {}

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        text("The bytes as they came.").content_media_type("application/octet-stream").into()
    }
}

impl ToSchema for Octets {}

fn text(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about))
}

/// Text of a certain form.
fn written(about: &str, pattern: &str, example: &str) -> RefOr<Schema> {
    text(about).pattern(Some(pattern)).examples([json!(example)]).into()
}

/// One of a few words, of which the first is the example.
fn choice(about: &str, names: &[&'static str]) -> RefOr<Schema> {
    text(about).enum_values(Some(names.to_vec())).examples(names.first().copied()).into()
}

fn one_of(names: &[&'static str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.to_vec())).build()
}
