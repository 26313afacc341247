//! Query parameters as the document describes them; `extract` is what reads them.

use serde_json::json;
use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Required, SchemaFormat,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{Schema, Type},
    },
};

use crate::{
    features::KnownBy,
    formats::Format,
    market::{Action, Indicator, RecordKind, Status, Timeframe},
    quality::Check,
    query::Reason,
    store::LetterState,
};

/// One series, by its name or by its parts.
pub(in crate::api) enum OneSeries {}

/// Series by what they are made of.
pub(in crate::api) enum SeriesFilter {}

/// Several series, by name or by what they are made of.
pub(in crate::api) enum SeriesList {}

/// One series, by the parts of a path.
pub(in crate::api) enum PathSeries {}

/// How finely coverage is told.
pub(in crate::api) enum Resolution {}

/// When a candle counts as known.
pub(in crate::api) enum KnownBySaid {}

/// Gaps, besides the filters of series.
pub(in crate::api) enum GapFilter {}

/// Dead letters.
pub(in crate::api) enum LetterFilter {}

/// Entries of the audit log.
pub(in crate::api) enum AuditFilter {}

/// Findings.
pub(in crate::api) enum FindingFilter {}

/// Anything about one asset.
pub(in crate::api) enum AssetFilter {}

/// Decisions, besides asset and time.
pub(in crate::api) enum DecisionFilter {}

/// Executions, besides asset and time.
pub(in crate::api) enum ExecutionFilter {}

/// Observations of one indicator.
pub(in crate::api) enum IndicatorFilter {}

/// Candles of several series, as rows.
pub(in crate::api) enum CandleRows {}

/// A window in time.
pub(in crate::api) enum Span {}

/// What was, instead of what is.
pub(in crate::api) enum InThePast {}

/// What is verified.
pub(in crate::api) enum VerifyScope {}

/// In which form rows are wanted.
pub(in crate::api) enum Formats {}

/// At most `MOST`, and `USUAL` where nobody says how many.
pub(in crate::api) enum Limit<const MOST: u32, const USUAL: u32> {}

impl IntoParams for OneSeries {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "A series; or else give asset and timeframe, of the provider on duty if none is \
                     named.";
        let series = text(&format!("^{}$", series()), "coinbase/BTCUSD/1m");
        [vec![query("series", about, series)], of_parts()].concat()
    }
}

impl IntoParams for SeriesFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        of_parts()
    }
}

impl IntoParams for SeriesList {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "One series or several, separated by commas, answered in this order; without it \
                     all that pass the filters.";
        let one = series();
        let list = text(&format!("^{one}(,{one})*$"), "coinbase/BTCUSD/1m");
        let on_duty = ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false)));
        let on_duty = query("on_duty", "Only those that answer for their asset now.", on_duty);
        [vec![query("series", about, list)], of_parts(), vec![on_duty]].concat()
    }
}

impl IntoParams for PathSeries {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let provider = text(&format!("^{PROVIDER}$"), "coinbase");
        let asset = text(&format!("^{ASSET_PART}$"), "BTCUSD");
        vec![
            in_path("provider", "Who says so.", provider),
            in_path("asset", "What is traded.", asset),
            in_path("timeframe", "How long a candle lasts.", Timeframe::schema()),
        ]
    }
}

impl IntoParams for Resolution {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let names = ["candle", "day"];
        let resolution = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names))
            .default(Some(json!("candle")));
        vec![query("resolution", "`candle`: runs of one state. `day`: UTC days.", resolution)]
    }
}

impl IntoParams for KnownBySaid {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(KnownBy::ALL.map(KnownBy::as_str)))
            .default(Some(json!(KnownBy::Received.as_str())));
        let about = "`received`: a candle is known from when on it had been received. `close`: from its \
                     close on, in its newest revision; for history that was received later.";
        vec![query("known_by", about, words)]
    }
}

impl IntoParams for GapFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let cursor = text(&format!("^-?[0-9]{{1,12}}\\.{}$", series()), GAP_CURSOR);
        vec![
            query("reason", "Only those that are one for this reason.", Reason::schema()),
            query("cursor", "The `next` of the page before.", cursor),
        ]
    }
}

impl IntoParams for LetterFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let indicators = Indicator::ALL.map(Indicator::as_str).join("|");
        let feed = format!("alpha_vantage/(news/{ASSET_PART}|macro/({indicators}))");
        let records = RecordKind::ALL.map(RecordKind::table).join("|");
        let pattern = format!("^({}|{feed}|{records})$", series());
        let subject = text(&pattern, "coinbase/BTCUSD/1m");
        let cursor = text("^[0-9]{1,16}\\.dl_[0-9a-f]{32}$", CURSOR);
        vec![
            query("series", "Of this series, feed or table of records.", subject),
            query("expectation", "Refused for this.", text("^[a-z_]+$", "high_not_below_low")),
            query(
                "fingerprint",
                "Of this group.",
                text("^[a-z0-9_]+\\.[a-z_]+\\.[0-9a-f]+$", GROUP),
            ),
            query(
                "state",
                "Of this state; those that are open, unless it is said.",
                LetterState::schema(),
            ),
            query("cursor", "The `next` of the page before.", cursor),
        ]
    }
}

impl IntoParams for AuditFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let word = |example| text("^[ -~]{1,200}$", example);
        let cursor = "1709726430000000.au_0190f1c2a4b57000b3b4c5d6e7f80910";
        vec![
            query(
                "actor",
                "What this key had done, or `local`, or `command line`.",
                word("grafana"),
            ),
            query("command", "Of this kind.", word("key.create")),
            query("target", "What was done to this.", word("grafana")),
            query(
                "cursor",
                "The `next` of the page before.",
                text("^[0-9]{1,16}\\.au_[0-9a-f]{32}$", cursor),
            ),
        ]
    }
}

impl IntoParams for FindingFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![query("check", "What was compared.", Check::schema()), asset()]
    }
}

impl IntoParams for AssetFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![asset()]
    }
}

impl IntoParams for DecisionFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let provider = text(ANYTHING, "ensemble");
        vec![
            query("provider", "Decided by this one.", provider),
            query("action", "Only these.", word(Action::ALL.map(Action::as_str))),
        ]
    }
}

impl IntoParams for ExecutionFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            query("platform", "Traded there.", text(ANYTHING, "coinbase")),
            query("status", "Only these.", word(Status::ALL.map(Status::as_str))),
        ]
    }
}

impl IntoParams for IndicatorFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![query("indicator", "Only this one.", Indicator::schema())]
    }
}

impl IntoParams for Span {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let instant = |name, about, example| {
            let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
            let time = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
            query(name, about, time.examples([json!(example)]))
        };
        let start = "The first instant of the window, 1970 or later; with `end` or not at all.";
        vec![
            instant("start", start, "2024-03-06T10:00:00Z"),
            instant("end", "The first instant after the window.", "2024-03-06T12:00:00Z"),
        ]
    }
}

impl IntoParams for InThePast {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let time = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        let version = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        let as_of = "Only what had been received by then: each candle in the newest revision that was \
            known, none that was not. Not in the future.";
        let table_version =
            "Only what the commits up to this version of the Delta table had written.";
        vec![
            query("as_of", as_of, time.examples([json!("2024-03-06T11:00:00Z")])),
            query("table_version", table_version, version.examples([json!(12)])),
        ]
    }
}

impl IntoParams for VerifyScope {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let records = RecordKind::ALL.map(RecordKind::table).join("|");
        let one = text(&format!("^({}|{records})$", series()), "coinbase/BTCUSD/1m");
        vec![
            query("series", "Only this one, or this table of records.", one),
            query("timeframe", "Only the table of this timeframe.", Timeframe::schema()),
        ]
    }
}

impl IntoParams for CandleRows {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let assets = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let about =
            "Several assets, with a timeframe, instead of one series; the answer is a list.";
        let gaps = ObjectBuilder::new().schema_type(Type::Boolean);
        let about_gaps = "Rows for holes too: for each stretch of candles of one state, which has no \
            prices. JSON always has them, as `states`.";
        vec![
            query("assets", about, assets.examples([json!("BTCUSD,ETHUSD")])),
            query("gaps", about_gaps, gaps.examples([json!(true)])),
        ]
    }
}

impl IntoParams for Formats {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let names = Format::ALL.map(Format::as_str);
        let format = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        let about = "Otherwise `Accept` decides, and else it is JSON.";
        vec![query("format", about, format.examples([json!("csv")]))]
    }
}

impl<const MOST: u32, const USUAL: u32> IntoParams for Limit<MOST, USUAL> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MOST))
            .default(Some(json!(USUAL)))
            .examples([json!(3)]);
        vec![query("limit", "The newest so many.", limit)]
    }
}

/// A name that somebody else has given.
const ANYTHING: &str = "^[\\s\\S]+$";
const PROVIDER: &str = "[a-z0-9_]{1,40}";
/// Separators are dropped; inside a series the slash is none.
const ASSET: &str = "[-_/]*([A-Za-z0-9][-_/]*){1,20}";
const ASSET_PART: &str = "[-_]*([A-Za-z0-9][-_]*){1,20}";
const GROUP: &str = "coinbase.high_not_below_low.3bd8ae5b0c4f";
const CURSOR: &str = "1709726430000000.dl_e32f3b996a612fb628c13ced677da6ff";

const GAP_CURSOR: &str = "1709726220.coinbase/BTCUSD/1m";

fn series() -> String {
    let timeframes = Timeframe::ALL.map(Timeframe::as_str).join("|");
    format!("{PROVIDER}/{ASSET_PART}/({timeframes})")
}

fn of_parts() -> Vec<Parameter> {
    let provider = text(&format!("^{PROVIDER}$"), "coinbase");
    vec![
        asset(),
        query("timeframe", "How long a candle lasts.", Timeframe::schema()),
        query("provider", "Who says so.", provider),
    ]
}

fn asset() -> Parameter {
    let asset = text(&format!("^{ASSET}$"), "BTCUSD");
    query("asset", "What is traded; BTC-USD, BTC/USD and btc_usd are BTCUSD too.", asset)
}

pub(super) fn text(pattern: &str, example: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    text.examples([json!(example)])
}

fn word<const N: usize>(words: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

fn in_path(name: &str, about: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

/// No parameter has to be given.
pub(super) fn query(name: &str, about: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}
