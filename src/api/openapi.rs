//! The document that describes the API, collected from the handlers of the route table.
//!
//! A handler says what only it knows; what the middleware around all of them may answer is added
//! here. The words of the market are described in `words`, so the market itself knows nothing of it.

mod cursors;
mod params;
mod problems;
mod security;
mod words;

use std::sync::LazyLock;

use bytes::Bytes;
use utoipa::openapi::{
    ArrayBuilder, ComponentsBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref,
    schema::Components, tag::TagBuilder,
};

use self::problems::{Unread, Whatever};
pub(super) use self::{
    cursors::{Cursor, RecordCursor, RunCursor, VersionCursor},
    params::{
        AssetFilter, AuditFilter, CandleRows, DecisionFilter, ExecutionFilter, FindingFilter,
        Formats, GapFilter, InThePast, IndicatorFilter, KnownBySaid, LetterFilter, Limit,
        OneSeries, PathSeries, Resolution, SeriesFilter, SeriesList, Span, VerifyScope,
    },
    problems::{
        Conflicting, Gone, NotAcceptable, NotFound, NotModified, Refused, Unavailable, UnderWay,
    },
    security::require,
    words::{Octets, StateCounts},
};
use super::Problem;

/// What routes are grouped by, in the order they are shown.
const TAGS: [(&str, &str); 9] = [
    (
        "candles",
        "Closed candles, what became of every expected one, and whether to trust the last.",
    ),
    ("backfills", "History and repairs that were asked for, chunk by chunk."),
    ("assets", "What is kept, and what happens by itself; decided while the daemon runs."),
    ("feeds", "News sentiment and macroeconomic indicators."),
    ("records", "What the users of the data decide and trade, written down beside it."),
    ("quality", "What was refused, and where two accounts of a candle differ."),
    ("models", "Tables that are made of others, by SQL: what of, how it went, what they hold."),
    ("providers", "Who is asked, how well they are, and what is left of each quota."),
    ("operations", "Health, build, metrics, settings, who did what, and this description."),
];

const ABOUT: &str = "Barkeep keeps market bars: it fetches closed candles, checks them and appends \
    them to Delta tables, exactly once. It knows for every candle that the calendar expects what \
    became of it.\n\nTimes are RFC 3339 with an offset; windows are half-open, `[start, end)`. \
    Errors are `application/problem+json` and name the field and the fix. A parameter that a route \
    does not know is an error. Every route also answers HEAD, and gzips for those who ask.";

/// What the document says before it comes to the routes.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Barkeep")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT));
    let tag = |(name, about)| TagBuilder::new().name(name).description(Some(about)).build();
    let components = ComponentsBuilder::new()
        .schema_from::<Problem>()
        .security_scheme(security::KEY, security::scheme());
    OpenApiBuilder::new()
        .info(info.build())
        .tags(Some(TAGS.map(tag)))
        .components(Some(components.build()))
        .build()
}

/// The document, with what no handler knows of.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    for operation in document.paths.paths.values_mut().flat_map(security::operations) {
        operation.responses.responses.extend(Whatever::responses_of_all());
        if operation.request_body.is_some() {
            operation.responses.responses.extend(Unread::responses_of_all());
        }
    }
    document.components.iter_mut().for_each(name_items);
    document
}

/// A derived list repeats every member of its items, which have a name of their own.
fn name_items(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        if let Some(item) = name.strip_prefix("List_") {
            let items = ArrayBuilder::new().items(Ref::from_schema_name(item));
            *schema = ObjectBuilder::new().property("items", items).required("items").into();
        }
    }
}

/// The document as it is served; it does not change while the program runs.
pub(super) fn text() -> Bytes {
    static TEXT: LazyLock<Bytes> =
        LazyLock::new(|| Bytes::from(serde_json::to_vec(&super::document()).unwrap_or_default()));
    TEXT.clone()
}
