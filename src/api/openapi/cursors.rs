//! Where a page ended, as the document describes it. Each list has cursors of its own.

use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use super::params::{query, text};

/// Where the page before ended.
pub(in crate::api) enum Cursor {}

/// Where the page of records before ended; with the state that a trade is in.
pub(in crate::api) enum RecordCursor<const HAS_STATE: bool> {}

/// Where the page of versions before ended.
pub(in crate::api) enum VersionCursor {}

/// Where the page of builds before ended.
pub(in crate::api) enum RunCursor {}

impl IntoParams for Cursor {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let example = "1709726430000000.bf_018e13f6a1c07f3e8a54b1c2d3e4f506";
        cursor("^[0-9]{1,16}\\.[A-Za-z0-9_.]+$", example)
    }
}

/// The bytes of a text in UTF-8, in hexadecimal digits.
const UTF_8: &str = "([0-7][0-9a-f]\
    |(c[2-9a-f]|d[0-9a-f])[89ab][0-9a-f]\
    |(e0[ab][0-9a-f]|e[1-9abcef][89ab][0-9a-f]|ed[89][0-9a-f])[89ab][0-9a-f]\
    |(f0[9ab][0-9a-f]|f[1-3][89ab][0-9a-f]|f48[0-9a-f])([89ab][0-9a-f]){2})+";

impl<const HAS_STATE: bool> IntoParams for RecordCursor<HAS_STATE> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let state = if HAS_STATE { "\\.(pending|filled|rejected|closed)" } else { "" };
        let shown = if HAS_STATE { ".closed" } else { "" };
        let example = format!("1709722800000000.30663363{shown}");
        cursor(&format!("^[0-9]{{1,16}}\\.{UTF_8}{state}$"), &example)
    }
}

impl IntoParams for VersionCursor {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        cursor("^v\\.[0-9]{1,19}$", "v.20163")
    }
}

impl IntoParams for RunCursor {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let pattern = "^r\\.[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$";
        cursor(pattern, "r.018e1344-1e70-7d2f-9c2a-3a1d0f6f9b11")
    }
}

fn cursor(pattern: &str, example: &str) -> Vec<Parameter> {
    vec![query("cursor", "The `next` of the page before.", text(pattern, example))]
}
