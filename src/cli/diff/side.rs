//! From where candles come: the files are read before anybody is asked, the lake while it is compared.

use anyhow::Context;
use chrono::{DateTime, Utc};

use super::{given::Given, landed::Landed, old};
use crate::{
    cli::{
        refusal::unfit,
        remote::{Talk, asked},
    },
    files::{ColumnMap, Shelf},
    lake::Past,
    market::{Candle, Series, Window},
};

/// What there is to compare.
pub(super) enum Source {
    Series(Series, Past),
    Files(Shelf),
}

/// Gives its candles, stretch after stretch.
pub(super) enum Side<'a> {
    Landed(Box<Landed<'a>>),
    Files(Shelf),
}

impl Source {
    /// What is wrong with a file is known without a daemon.
    pub(super) fn of(given: &Given, series: &Series, map: &ColumnMap) -> anyhow::Result<Self> {
        match given {
            Given::Series { series, past } => Ok(Self::Series(series.clone(), *past)),
            Given::Path(path) => old::shelf(path, series, map).map(Self::Files),
        }
    }

    pub(super) async fn open(self, talk: &Talk, window: Window) -> anyhow::Result<Side<'_>> {
        match self {
            Self::Series(series, past) => {
                let landed = Landed::open(&talk.client, (&series, past), window).await?;
                Ok(Side::Landed(Box::new(landed)))
            }
            Self::Files(files) => Ok(Side::Files(files)),
        }
    }
}

impl Side<'_> {
    /// Of a stretch that follows the one before.
    pub(super) async fn candles(&mut self, stretch: Window) -> anyhow::Result<Vec<Candle>> {
        match self {
            Self::Landed(landed) => Ok(landed.until(stretch.end).await?),
            Self::Files(files) => files.candles(stretch).context("candles cannot be read again"),
        }
    }
}

/// What the files span, or else the series. What only the lake has is no fault of a file that is older.
pub(super) async fn span(talk: &Talk, sources: &[Source; 2]) -> anyhow::Result<Option<Window>> {
    let mut spans = Vec::new();
    match sources {
        [Source::Series(a, _), Source::Series(b, _)] => {
            for series in [a, b] {
                spans.push(span_of(talk, series).await?);
            }
        }
        _ => spans.extend(sources.iter().map(|source| match source {
            Source::Files(files) => files.span(),
            Source::Series(..) => None,
        })),
    }
    Ok(spans.into_iter().flatten().reduce(Window::hull))
}

/// From the origin of a series to its newest candle.
async fn span_of(talk: &Talk, series: &Series) -> anyhow::Result<Option<Window>> {
    let Series { provider, instrument, timeframe } = series;
    let query = asked([
        ("asset", Some(instrument.to_string())),
        ("timeframe", Some(timeframe.to_string())),
        ("provider", Some(provider.to_string())),
    ]);
    let answer = talk.client.get(&["v1", "series"], &query).await?;
    let Some(item) = answer.value["items"].get(0) else {
        let what = format!("there is no series {series}");
        return Err(unfit(what, "`barkeep watermarks` lists them"));
    };
    let instant = |name: &str| item[name].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let ends = instant("origin").zip(instant("last_candle"));
    Ok(ends.map(|(origin, last)| Window::new(origin.min(last), last + timeframe.duration())))
}
