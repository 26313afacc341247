//! `barkeep diff`: whether two accounts of the same candles agree, as after a move to this lake.

mod given;
mod landed;
mod old;
mod side;
mod told;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Args;

use self::{
    given::{Given, given},
    side::{Source, span},
    told::Told,
};
use super::{
    backfill::check_span,
    given::instant,
    output::Look,
    refusal::unfit,
    remote::{Remote, Talk},
};
use crate::{
    client::Answer,
    config::Config,
    files::ColumnMap,
    market::{Series, Timeframe, Window},
    quality::{Comparison, Tolerance},
};

/// Exits with 0 only if every candle is on both sides and the same.
#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    remote: Remote,
    /// A series like coinbase/BTCUSD/1m, as it was with @12 (the table's version) or
    /// @2024-03-06T11:00:00Z (what was known then); or a CSV, JSON or Parquet file, in any order; or a
    /// folder of them, of which all are read but those whose names begin with a dot or an underscore.
    #[arg(value_parser = given)]
    a: Given,
    /// The other side, written likewise.
    #[arg(value_parser = given)]
    b: Given,
    /// From here on: a date is its midnight in UTC. Where the files begin, or else both series, if
    /// nothing is said.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    start: Option<DateTime<Utc>>,
    /// Up to here, which is not included.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    end: Option<DateTime<Utc>>,
    /// How far apart prices may be, in basis points of the larger one; at 0 every bit counts.
    #[arg(long, value_name = "BPS", default_value = "0", value_parser = basis_points)]
    price_tolerance: f64,
    /// How far apart volumes may be, likewise.
    #[arg(long, value_name = "BPS", default_value = "0", value_parser = basis_points)]
    #[arg(conflicts_with = "ignore_volume")]
    volume_tolerance: f64,
    /// Do not look at volumes.
    #[arg(long)]
    ignore_volume: bool,
    /// How many differences to list; all are counted.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Which column of the files means what, like `time=date,volume=volume_btc`; the rest is detected.
    #[arg(long)]
    map: Option<ColumnMap>,
    /// How long the candles of files last, where both sides are files: 1m, 5m, 15m, 1h, 4h or 1d.
    #[arg(long)]
    timeframe: Option<Timeframe>,
}

const EMPTY: &str = "the files have no candle, or neither series has one";

/// Candles that are compared at a time, of each side.
const STRETCH: i64 = 50_000;

impl Diff {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        if let (Some(start), Some(end)) = (self.start, self.end) {
            check_span(start, end)?;
        }
        let talk = self.remote.open(config)?;
        let series = self.series()?;
        let map = self.map.clone().unwrap_or_default();
        let sources = [Source::of(&self.a, &series, &map)?, Source::of(&self.b, &series, &map)?];
        let timeframe = series.timeframe;
        let window = self.window(&talk, &sources).await?.align(timeframe);
        check_span(window.start, window.end)?;
        let [a, b] = sources;
        let (mut a, mut b) = (a.open(&talk, window).await?, b.open(&talk, window).await?);
        let mut comparison = Comparison::new(self.tolerance(), self.limit);
        for stretch in window.chunks(timeframe, STRETCH) {
            comparison.add(a.candles(stretch).await?, b.candles(stretch).await?);
        }
        if comparison.counts().compared == 0 {
            return Err(nothing(&format!("neither side has a candle in {window}")));
        }
        self.tell(&talk, (timeframe, window), &comparison)
    }

    /// What files are read as: the series on the other side.
    fn series(&self) -> anyhow::Result<Series> {
        let of = |given: &Given| match given {
            Given::Series { series, .. } => Some(series.clone()),
            Given::Path(_) => None,
        };
        let series = match (of(&self.a), of(&self.b)) {
            (Some(a), Some(b)) if a.timeframe != b.timeframe => {
                let what = format!("{a} and {b} have candles of different lengths");
                return Err(unfit(what, "compare series of one timeframe"));
            }
            (Some(series), _) | (None, Some(series)) => series,
            (None, None) => {
                let timeframe = self.timeframe.ok_or_else(|| {
                    unfit(
                        "files do not say how long their candles last",
                        "add --timeframe, like 1m",
                    )
                })?;
                format!("files/ANY/{timeframe}").parse()?
            }
        };
        match self.timeframe {
            Some(timeframe) if timeframe != series.timeframe => {
                let what = format!("--timeframe {timeframe} is not that of {series}");
                Err(unfit(what, "leave it out where a series is compared"))
            }
            _ => Ok(series),
        }
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            price: self.price_tolerance,
            volume: (!self.ignore_volume).then_some(self.volume_tolerance),
        }
    }

    async fn window(&self, talk: &Talk, sources: &[Source; 2]) -> anyhow::Result<Window> {
        if let (Some(start), Some(end)) = (self.start, self.end) {
            return Ok(Window::new(start, end));
        }
        let span = span(talk, sources).await?.ok_or_else(|| nothing(EMPTY))?;
        Ok(Window::new(self.start.unwrap_or(span.start), self.end.unwrap_or(span.end)))
    }

    fn tell(
        &self,
        talk: &Talk,
        of: (Timeframe, Window),
        comparison: &Comparison,
    ) -> anyhow::Result<ExitCode> {
        let names = [self.a.to_string(), self.b.to_string()];
        let told = Told::of(names, of, self.tolerance(), comparison);
        let answer =
            Answer { text: serde_json::to_string(&told)?, value: serde_json::to_value(&told)? };
        let said = talk.tell(&answer, |value| told.shown(value, Look::of_stdout()))?;
        Ok(if comparison.counts().is_same() { said } else { ExitCode::FAILURE })
    }
}

/// Whoever compares nothing has proved nothing.
fn nothing(what: &str) -> anyhow::Error {
    unfit(what, "name other sides, or other dates with --start and --end")
}

fn basis_points(text: &str) -> Result<f64, String> {
    let points = text.parse().ok().filter(|points: &f64| points.is_finite() && *points >= 0.0);
    points.ok_or_else(|| "write basis points like 0.5, which is 0.005 %".to_owned())
}
