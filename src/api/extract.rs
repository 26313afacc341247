//! Query parameters, read so that whatever is wrong with one is said of that one.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{Uri, request::Parts},
};
use chrono::{DateTime, Utc};

use super::Problem;
use crate::{
    app::App,
    ingest::Book,
    lake::Past,
    market::{InstrumentId, ParseError, ProviderId, Series, Timeframe, Window},
};

/// The parameters of a request, taken one by one; what is left over is unknown.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

impl Params {
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::invalid("query", error.body_text(), "write a=b&c=d"))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if params.contains_key(&name) {
                let detail = format!("the parameter {} is given twice", quoted(&name));
                return Err(Problem::invalid(shortened(&name), detail, "give it once"));
            }
            params.insert(name, value);
        }
        Ok(Self(params))
    }

    /// The text of a parameter.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.0.remove(name)
    }

    /// A name that somebody else has given. Fails if it is empty.
    pub(super) fn word(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let text = self.0.remove(name);
        if text.as_ref().is_some_and(String::is_empty) {
            let detail = format!("{name} is empty");
            return Err(Problem::invalid(name, detail, "write a name, or leave it out"));
        }
        Ok(text)
    }

    /// A name of the market: a series, an asset, a timeframe, a provider.
    pub(super) fn get<T: FromStr<Err = ParseError>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error| unreadable(name, &error))
    }

    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        // A plus sign that was not percent-encoded arrives as a space.
        let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        time.map(|time| Some(time.with_timezone(&Utc))).map_err(|error| {
            let detail = format!("{name} {} is no instant: {error}", quoted(&text));
            Problem::invalid(name, detail, "write RFC 3339 with an offset: 2024-05-01T00:00:00Z")
        })
    }

    /// `true` or `false`; absent is false.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(false) };
        text.parse().map_err(|_| {
            let detail = format!("{name} {} is neither true nor false", quoted(&text));
            Problem::invalid(name, detail, "write true, false or nothing")
        })
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        let found = all.iter().copied().find(|one| word(*one) == text);
        found.map(Some).ok_or_else(|| {
            let detail = format!("there is no {name} {}", quoted(&text));
            let words: Vec<_> = all.iter().map(|one| word(*one)).collect();
            Problem::invalid(name, detail, &format!("write one of: {}", words.join(", ")))
        })
    }

    /// Where a listing by time and id goes on, as `cursor` wrote it.
    pub(super) fn cursor(&mut self) -> Result<Option<(DateTime<Utc>, String)>, Problem> {
        let Some(text) = self.0.remove("cursor") else { return Ok(None) };
        read_cursor(&text, "").map(Some)
    }

    /// A number between 1 and `most`.
    pub(super) fn limit(&mut self, most: u32) -> Result<Option<u32>, Problem> {
        let Some(text) = self.0.remove("limit") else { return Ok(None) };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.map(Some).ok_or_else(|| {
            let detail = format!("limit {} is out of range or no number", quoted(&text));
            Problem::invalid("limit", detail, &format!("write a whole number from 1 to {most}"))
        })
    }

    /// `as_of` and `table_version`: how the lake was, or what was known, at some time before `now`.
    pub(super) fn past(&mut self, now: DateTime<Utc>) -> Result<Past, Problem> {
        let known_at = past_instant(self.time("as_of")?, now)?;
        let version = self.0.remove("table_version").map(|text| {
            text.parse().map_err(|_| {
                let detail = format!("table_version {} is no version", quoted(&text));
                Problem::invalid("table_version", detail, "write a whole number from 0")
            })
        });
        Ok(Past { known_at, version: version.transpose()? })
    }

    /// `start` and `end`, both or neither, aligned outwards to the candle grid.
    pub(super) fn window(&mut self, timeframe: Timeframe) -> Result<Option<Window>, Problem> {
        Ok(self.span()?.map(|span| span.align(timeframe)))
    }

    /// `start` and `end`, both or neither, in whole seconds.
    pub(super) fn span(&mut self) -> Result<Option<Window>, Problem> {
        let (start, end) = match (self.time("start")?, self.time("end")?) {
            (None, None) => return Ok(None),
            (Some(start), Some(end)) => (start, end),
            (None, Some(_)) => return Err(Problem::invalid("start", "start is missing", BOTH)),
            (Some(_), None) => return Err(Problem::invalid("end", "end is missing", BOTH)),
        };
        if end <= start {
            let detail = "end is not after start";
            return Err(Problem::invalid("end", detail, "the window is [start, end)"));
        }
        if start < DateTime::UNIX_EPOCH {
            let detail = "the window begins before 1970";
            return Err(Problem::invalid("start", detail, "begin in 1970 or later"));
        }
        Ok(Some(Window::new(whole_second_before(start), whole_second_after(end))))
    }

    /// The book of the series named by `series=`, or by `asset=`, `timeframe=` and `provider=`.
    pub(super) fn book(&mut self, app: &App) -> Result<Arc<Book>, Problem> {
        let series = match self.get::<Series>("series")? {
            Some(series) => self.without_parts().map(|()| series)?,
            None => self.series_of_parts(app)?,
        };
        find(app, &series)
    }

    fn series_of_parts(&mut self, app: &App) -> Result<Series, Problem> {
        let provider = self.get("provider")?;
        let instrument = self.get("asset")?.ok_or_else(|| {
            Problem::invalid("series", "no series is named", "add series=… or asset=…")
        })?;
        let timeframe = self.timeframe()?;
        series_of(app, provider, instrument, timeframe)
    }

    /// `timeframe=`, which has to be there.
    pub(super) fn timeframe(&mut self) -> Result<Timeframe, Problem> {
        self.get("timeframe")?.ok_or_else(|| {
            Problem::invalid("timeframe", "timeframe is missing", "add timeframe=1m")
        })
    }

    /// Beside `series=` its parts would either repeat or contradict it.
    pub(super) fn without_parts(&self) -> Result<(), Problem> {
        let parts = ["asset", "timeframe", "provider"];
        let Some(part) = parts.into_iter().find(|part| self.0.contains_key(*part)) else {
            return Ok(());
        };
        let detail = format!("series names the {part} already");
        Err(Problem::invalid(part, detail, "give either series, or asset, timeframe and provider"))
    }

    /// Refuses what nobody asked for: a misspelt filter must not silently filter nothing.
    pub(super) fn finish(self, known: &str) -> Result<(), Problem> {
        let Some((name, _)) = self.0.first_key_value() else { return Ok(()) };
        let detail = format!("there is no parameter {} here", quoted(name));
        let fix = match known {
            "" => "leave it out: this route has no parameters".to_owned(),
            known => format!("the parameters are: {known}"),
        };
        Err(Problem::invalid(shortened(name), detail, &fix))
    }
}

/// `as_of`, which is not in the future.
pub(super) fn past_instant(
    known_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Problem> {
    if known_at.is_some_and(|at| at > now) {
        let detail = "as_of is in the future";
        return Err(Problem::invalid("as_of", detail, "nobody knows yet; ask for the past"));
    }
    Ok(known_at)
}

/// The one name that a path has in it; `fix` helps where not even that can be read.
pub(super) async fn name_in_path<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    field: &'static str,
    fix: &str,
) -> Result<String, Problem> {
    let name = Path::<String>::from_request_parts(parts, state).await;
    let Path(name) = name.map_err(|error| Problem::invalid(field, error.body_text(), fix))?;
    Ok(name)
}

/// A page of `rows`, of which one more was looked for than it may have; and where the next one goes
/// on, if there is more: after the one of which `cursor` tells the place.
pub(super) fn page<T>(
    mut rows: Vec<T>,
    limit: u32,
    cursor: impl FnOnce(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(cursor);
    (rows, next)
}

/// Where a listing by time and id has got to.
pub(super) fn cursor(at: DateTime<Utc>, id: &str) -> String {
    format!("{}.{id}", at.timestamp_micros())
}

/// Where it goes on, as `cursor` wrote it; `kind` is how its ids begin.
pub(super) fn read_cursor(text: &str, kind: &str) -> Result<(DateTime<Utc>, String), Problem> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    read_place(text, |micros, id| {
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        let is_id = !id.is_empty() && id.starts_with(kind) && id.chars().all(is_part);
        is_id.then(|| (at, id.to_owned()))
    })
}

/// The same for a cursor whose parts, before and after the first point, are read by `read`.
pub(super) fn read_place<T>(
    text: &str,
    read: impl FnOnce(&str, &str) -> Option<T>,
) -> Result<T, Problem> {
    text.split_once('.').and_then(|(at, id)| read(at, id)).ok_or_else(|| {
        let detail = format!("cursor {} is not one of ours", quoted(text));
        Problem::invalid("cursor", detail, "use the `next` of the page before")
    })
}

const BOTH: &str = "give both start and end, or neither";

/// Without a provider it is the series that is on duty.
pub(super) fn series_of(
    app: &App,
    provider: Option<ProviderId>,
    instrument: InstrumentId,
    timeframe: Timeframe,
) -> Result<Series, Problem> {
    if let Some(provider) = provider {
        return Ok(Series { provider, instrument, timeframe });
    }
    app.on_duty(&instrument, timeframe).ok_or_else(|| {
        let what = format!("{timeframe} of {instrument}");
        Problem::not_found(&what, "GET /v1/series lists what there is; name its provider")
    })
}

/// The book of a series that was asked for by name.
pub(super) fn find(app: &App, series: &Series) -> Result<Arc<Book>, Problem> {
    let unknown = || Problem::not_found(&format!("series {series}"), "GET /v1/series lists them");
    app.books.get(series).ok_or_else(unknown)
}

/// A name in the parameter `field` that is none.
pub(super) fn unreadable(field: &'static str, error: &ParseError) -> Problem {
    let ParseError { what, given, fix } = error;
    let inside = if *what == field { String::new() } else { format!("in {field}: ") };
    Problem::invalid(field, format!("{inside}{what} {} is not valid", quoted(given)), fix)
}

/// What a caller wrote, in quotes; enough of it to be recognised.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The grid knows neither the fractions of a second that a caller may write, nor leap seconds, which
/// count as a fraction of the second before.
fn whole_second_before(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

fn whole_second_after(at: DateTime<Utc>) -> DateTime<Utc> {
    let has_fraction = at.timestamp_subsec_nanos() > 0;
    DateTime::from_timestamp(at.timestamp() + i64::from(has_fraction), 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_one_only_if_there_is_more() {
        let page = |rows: &[i32], limit| page(rows.to_vec(), limit, ToString::to_string);
        assert_eq!(page(&[1, 2, 3], 2), (vec![1, 2], Some("2".to_owned())));
        assert_eq!(page(&[1, 2], 2), (vec![1, 2], None));
        assert_eq!(page(&[], 2), (vec![], None));
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_list_alone() {
        let at = DateTime::from_timestamp_micros(1_709_726_430_000_001).unwrap();
        let text = cursor(at, "au_0f");
        assert_eq!(text, "1709726430000001.au_0f");
        for kind in ["au_", ""] {
            assert_eq!(read_cursor(&text, kind).unwrap(), (at, "au_0f".to_owned()));
        }
        assert!(read_cursor(&text, "dl_").is_err());
        for odd in ["", ".", "1", "1.", "x.au_1", "1.au_/", "9223372036854775807.au_1"] {
            assert!(read_cursor(odd, "").is_err(), "{odd}");
        }
    }
}
