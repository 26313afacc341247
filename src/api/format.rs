//! In which form rows are wanted: by `format`, or else by `Accept`.

use axum::http::{HeaderMap, StatusCode, header::ACCEPT};

use super::{Problem, extract::Params};
use crate::formats::Format;

/// `None` where it is all the same.
pub(super) fn wanted(params: &mut Params, headers: &HeaderMap) -> Result<Option<Format>, Problem> {
    if let Some(format) = params.one_of("format", &Format::ALL, Format::as_str)? {
        return Ok(Some(format));
    }
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let taken: Vec<&str> = accepts.flat_map(|value| value.split(',')).collect();
    if taken.is_empty() {
        return Ok(None);
    }
    // Whoever is most eager comes first; the rest in the order they are named.
    let mut taken: Vec<(u32, &str)> = taken.iter().map(|kind| (eagerness(kind), *kind)).collect();
    taken.sort_by_key(|(eagerness, _)| std::cmp::Reverse(*eagerness));
    let mut wanted = taken.iter().filter(|(eagerness, _)| *eagerness > 0);
    wanted
        .find_map(|(_, kind)| Format::ALL.into_iter().find(|format| format.is_taken(kind)))
        .map(Some)
        .ok_or_else(not_acceptable)
}

/// The `q` of a media range, in thousandths.
fn eagerness(range: &str) -> u32 {
    let said = range.split(';').skip(1).find_map(|part| part.trim().strip_prefix("q="));
    match said.map(|text| text.trim().parse::<f64>()) {
        None => 1_000,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        Some(Ok(q)) => (q.clamp(0.0, 1.0) * 1_000.0) as u32,
        Some(Err(_)) => 0,
    }
}

pub(super) fn not_acceptable() -> Problem {
    let kinds = Format::ALL.map(Format::media_type).join(", ");
    let detail = "there is no answer of a kind that `Accept` names";
    Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail)
        .fix(&format!("take one of {kinds}"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Uri};

    use super::*;

    fn of(query: &'static str, accept: Option<&'static str>) -> Result<Option<Format>, Problem> {
        let mut headers = HeaderMap::new();
        headers.extend(accept.map(|kind| (ACCEPT, HeaderValue::from_static(kind))));
        wanted(&mut Params::of(&Uri::from_static(query)).unwrap(), &headers)
    }

    #[test]
    fn the_parameter_goes_first_then_what_is_taken_most_eagerly() {
        for (query, accept, expected) in [
            ("/", None, None),
            ("/", Some("*/*"), Some(Format::Json)),
            ("/", Some("text/csv"), Some(Format::Csv)),
            ("/", Some("text/html, application/*;q=0.1"), Some(Format::Json)),
            ("/", Some("text/csv;q=0.5, application/x-ndjson"), Some(Format::Ndjson)),
            ("/", Some("application/vnd.apache.parquet"), Some(Format::Parquet)),
            ("/?format=arrow", Some("text/csv"), Some(Format::Arrow)),
            ("/?format=csv", Some("image/png"), Some(Format::Csv)),
        ] {
            assert_eq!(of(query, accept).unwrap(), expected, "{query} {accept:?}");
        }
    }

    #[test]
    fn what_nobody_can_give_is_refused() {
        for accept in ["image/png", "text/csv;q=0", "application/json;q=x", ""] {
            let refused = of("/", Some(accept)).unwrap_err();
            assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE, "{accept}");
        }
        assert!(of("/?format=xls", None).is_err());
    }
}
