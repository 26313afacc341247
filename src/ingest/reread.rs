//! A dead letter read and judged once more, by the rules of today.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Book, Outcome, replay::Replayer};
use crate::{
    market::{RawBatch, Series, Subject, Timeframe, Window},
    providers::{Kept, Origin, Provider, ProviderError},
    quality::{DeadLetter, Verdict, validate},
    store::StoreError,
};

/// What could not be read was never asked whether its candle had closed, and when the provider made
/// it is not known any more; so much its clock may be behind ours.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

impl Replayer {
    /// The verdict on a letter that has candles which are acceptable now; otherwise what there is to
    /// say about it.
    pub(super) async fn again(
        &self,
        letter: &DeadLetter,
    ) -> Result<Result<Verdict, Outcome>, StoreError> {
        let (series, provider, book) = match self.reader(letter) {
            Ok(reader) => reader,
            Err(why) => return Ok(Err(Outcome::NotReplayable(why))),
        };
        if letter.expectation == "no_conflict" && self.store.has_rival(letter).await? {
            let why = "one answer gave the candle several times with different values; discard the \
                       wrong ones first";
            return Ok(Err(Outcome::Refused(why.to_owned())));
        }
        let batch = match provider.reread(&kept(series, letter)) {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(Outcome::Refused(said(error)))),
        };
        let is_row = is_row(letter);
        let rows = batch.candles.len() + batch.unreadable.len() + batch.unfinished;
        if is_row && rows != 1 {
            let why = format!("{rows} rows are read from what was kept as one");
            return Ok(Err(Outcome::Refused(why)));
        }
        let window = window(&batch, letter.extracted_at);
        let verdict =
            validate(RawBatch { window, ..batch }, book.calendar(), provider.settle(series));
        Ok(accepted(verdict, &book))
    }

    /// Who can read it, and where it belongs; or why nobody can.
    fn reader<'a>(
        &'a self,
        letter: &'a DeadLetter,
    ) -> Result<(&'a Series, &'a dyn Provider, std::sync::Arc<Book>), String> {
        let series = match &letter.subject {
            Subject::Series(series) => series,
            Subject::Feed(_) => {
                let why = "what a feed says is not judged again; its collections ask anew";
                return Err(why.to_owned());
            }
            Subject::Records(kind) => {
                return Err(format!("it is no candle; it is judged as a document of {kind}"));
            }
            Subject::Table(table) => {
                return Err(format!("mend the row and write it to {table} again"));
            }
        };
        let (provider, source) = (&series.provider, &letter.source);
        if source.starts_with("derived from ") {
            return Err("it was made of finer candles, which make it anew".to_owned());
        }
        if !source.starts_with("GET /") && *source != provider.as_str() {
            return Err(format!("it came from the file {source:?}; import the file again"));
        }
        let Some(asked) = self.providers.get(provider) else {
            return Err(format!("{provider} is not asked here; give it its credentials"));
        };
        if asked.offers(series) != Some(Origin::Native) {
            return Err(format!("{provider} does not give candles of {series} now"));
        }
        let book = self.books.get(series).ok_or_else(|| format!("{series} is not kept now"))?;
        Ok((series, asked.as_ref(), book))
    }
}

fn is_row(letter: &DeadLetter) -> bool {
    letter.expectation != "readable_answer"
}

fn kept(series: &Series, letter: &DeadLetter) -> Kept {
    let was_read = letter.open_time.is_some();
    let extracted_at = letter.extracted_at;
    Kept {
        series: series.clone(),
        raw: letter.raw.clone(),
        is_row: is_row(letter),
        source: letter.source.clone(),
        extracted_at,
        made_at: if was_read { extracted_at } else { extracted_at - MARGIN },
    }
}

fn said(error: ProviderError) -> String {
    match error {
        ProviderError::Malformed { detail, .. } => format!("it cannot be read: {detail}"),
        other => other.to_string(),
    }
}

/// From the first candle to the last; what was asked for then does not matter any more. Times that
/// are refused whatever is asked for are left out.
fn window(batch: &RawBatch, extracted_at: DateTime<Utc>) -> Window {
    let timeframe: Timeframe = batch.series.timeframe;
    let possible = DateTime::UNIX_EPOCH.timestamp_micros()..=extracted_at.timestamp_micros();
    let times = batch.candles.open_time.iter().filter(|at| possible.contains(at));
    let (first, last) = (times.clone().min(), times.max());
    let floor = |at: &i64| {
        timeframe.floor(DateTime::from_timestamp_micros(*at).unwrap_or(DateTime::UNIX_EPOCH))
    };
    let (Some(first), Some(last)) = (first.map(floor), last.map(floor)) else {
        return Window::new(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
    };
    Window::new(first, last + timeframe.duration())
}

/// A candle before the history of its series would have everything after it asked for.
fn accepted(verdict: Verdict, book: &Book) -> Result<Verdict, Outcome> {
    let origin = book.with_ledger(crate::market::Ledger::origin);
    let candles = verdict.valid.candles();
    if candles.is_empty() {
        let refused = verdict.refused.first();
        let why = refused.map(|letter| format!("{}: {}", letter.expectation, letter.detail));
        let unfinished = || "its candle had not settled when it was received".to_owned();
        let nothing = "there is no candle in it".to_owned();
        let is_unfinished = verdict.unfinished > 0;
        return Err(Outcome::Refused(
            why.unwrap_or_else(|| if is_unfinished { unfinished() } else { nothing }),
        ));
    }
    if verdict.valid.window().start < origin {
        return Err(Outcome::Refused(format!(
            "its candle opens before {origin}, where the history that is kept begins"
        )));
    }
    Ok(verdict)
}
