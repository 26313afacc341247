//! Recorded answers of Coinbase, replayed over loopback to the real client.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    fs,
};

use barkeep::{
    market::{Calendar, Candle, Series, Timeframe, Window},
    providers::{Coinbase, Lane, Provider, ProviderError},
    quality::{Verdict, validate},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use serde::Deserialize;
use url::Url;

use super::{Stage, quoted};
use crate::{
    corpus::corpus,
    loopback::{JumpingClock, Loopback, answer, coinbase},
};

/// One recorded question and its answer.
#[derive(Debug, Clone, Deserialize)]
struct Recorded {
    uri: Url,
    status: u16,
    #[serde(rename = "recorded_at")]
    at: String,
    body: String,
}

impl Recorded {
    fn parameter(&self, name: &str) -> String {
        let mut pairs = self.uri.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap()
    }

    fn received_at(&self) -> DateTime<Utc> {
        DateTime::parse_from_rfc2822(&self.at).unwrap().to_utc()
    }

    /// As `1m` where the granularity is none of ours, which only refused questions have.
    fn timeframe(&self) -> Timeframe {
        let seconds: i64 = self.parameter("granularity").parse().unwrap();
        let ours = Timeframe::ALL.into_iter().find(|ours| ours.seconds() == seconds);
        ours.unwrap_or(Timeframe::M1)
    }

    /// Both bounds are inclusive there.
    fn window(&self) -> Window {
        let bound = |name| self.parameter(name).parse::<DateTime<Utc>>().unwrap();
        let timeframe = self.timeframe();
        let last = timeframe.floor(bound("end"));
        Window::new(timeframe.ceil(bound("start")), last + timeframe.duration())
    }

    fn series(&self) -> Series {
        let product = self.uri.path_segments().unwrap().nth(1).unwrap();
        let product = product.replace("INVALID-PRODUCT", "NONE-USD");
        format!("coinbase/{product}/{}", self.timeframe()).parse().unwrap()
    }
}

/// A provider that is told what was recorded, whatever it asks.
struct Replay {
    stage: Stage,
    provider: Coinbase,
}

impl Replay {
    async fn start() -> Self {
        let stage = Stage::start().await;
        let provider = coinbase(stage.url(), stage.clock.clone(), |_| {});
        Self { stage, provider }
    }

    async fn play(&self, recorded: &Recorded) -> Result<Verdict, ProviderError> {
        self.stage.say(recorded.received_at(), recorded.status, &recorded.body);
        let (series, window) = (recorded.series(), recorded.window());
        let batch = self.provider.fetch(&series, window, Lane::Backfill).await?;
        Ok(validate(batch, Calendar::Always, self.provider.settle(&series)))
    }
}

fn recorded_questions(text: &[u8]) -> Vec<Recorded> {
    let recorded: Vec<Recorded> = serde_json::from_slice(text).unwrap();
    assert_eq!(recorded.len(), 385);
    recorded
}

#[tokio::test]
async fn every_recorded_answer_reads_as_candles_or_as_the_right_refusal() {
    let Some(folder) = corpus() else { return };
    let recorded = fs::read(folder.join("coinbase/exchange_candles_vcr.json")).unwrap();
    let replay = Replay::start().await;
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut settled: HashMap<(String, i64), [u64; 5]> = HashMap::new();
    for recorded in recorded_questions(&recorded) {
        let outcome = match replay.play(&recorded).await {
            Ok(verdict) => {
                assert_eq!(recorded.status, 200);
                assert_eq!(verdict.refused, [], "{}", recorded.uri);
                assert_eq!((verdict.repeated, verdict.warnings.len()), (0, 0), "{}", recorded.uri);
                assert_running_dropped(&recorded, &verdict);
                for candle in verdict.valid.candles().iter() {
                    let key = (recorded.series().to_string(), candle.open_time.timestamp());
                    let prices = [candle.open, candle.high, candle.low, candle.close];
                    let [open, high, low, close] = prices.map(f64::to_bits);
                    let values = [open, high, low, close, candle.volume.unwrap().to_bits()];
                    let before = settled.insert(key.clone(), values);
                    assert!(before.is_none_or(|before| before == values), "{key:?} was revised");
                }
                let rows =
                    if verdict.valid.candles().is_empty() { "no candles" } else { "candles" };
                format!("{rows}, {} running", verdict.unfinished)
            }
            Err(ProviderError::UnknownSymbol { symbol }) => {
                assert_eq!(recorded.status, 404);
                format!("unknown symbol {symbol}")
            }
            Err(ProviderError::Rejected { status, message }) => format!("{status}: {message}"),
            Err(error) => panic!("{}: {error}", recorded.uri),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    assert_snapshot!("outcomes", format!("{outcomes:#?}"));
    // Of the candles that had settled by our reckoning, many were read more than once.
    assert_eq!(settled.len(), 1_699);
}

/// What is kept is what was sent, oldest first, without the rows not closed for 75 seconds.
fn assert_running_dropped(recorded: &Recorded, verdict: &Verdict) {
    type Row = (i64, f64, f64, f64, f64, f64);
    let rows: Vec<Row> = serde_json::from_str(&recorded.body).unwrap();
    let settled_until = recorded.received_at() - TimeDelta::seconds(75);
    let seconds = recorded.timeframe().seconds();
    let is_settled = |row: &Row| row.0 + seconds <= settled_until.timestamp();
    let settled: Vec<Row> = rows.iter().rev().copied().filter(is_settled).collect();
    let as_sent = |c: Candle| {
        (c.open_time.timestamp(), c.low, c.high, c.open, c.close, c.volume.unwrap_or(f64::NAN))
    };
    let kept: Vec<Row> = verdict.valid.candles().iter().map(as_sent).collect();
    assert_eq!(kept, settled, "{}", recorded.uri);
    assert_eq!(verdict.unfinished, rows.len() - settled.len(), "{}", recorded.uri);
}

#[tokio::test]
async fn recorded_pages_of_2020_read_whole() {
    let Some(folder) = corpus() else { return };
    // File, granularity, start and end of the window asked for, rows.
    let pages = [
        ("candles_2020-03-20-00-00", 60, "2020-03-20T00:00:00Z", "2020-03-20T04:59:00Z", 300),
        ("candles_2020-03-20-05-00", 60, "2020-03-20T05:00:00Z", "2020-03-20T09:59:00Z", 300),
        ("candles_GET-200", 3600, "2020-03-09T00:00:00Z", "2020-03-16T00:00:00Z", 169),
    ];
    let replay = Replay::start().await;
    for (name, granularity, start, end, rows) in pages {
        let name = format!("coinbase/pronode_rest_products_BTC-USD_{name}.json");
        let body = fs::read_to_string(folder.join(name)).unwrap();
        let page = recorded_page(granularity, [start, end], body);
        let verdict = replay.play(&page).await.unwrap();
        assert_eq!(verdict.refused, [], "{}", page.uri);
        assert_eq!((verdict.valid.candles().len(), verdict.unfinished), (rows, 0));
        assert_eq!(verdict.valid.candles().open_time_at(0), page.window().start);
    }
}

#[tokio::test]
async fn lists_of_other_things_cost_their_rows_and_nothing_else() {
    let Some(folder) = corpus() else { return };
    let replay = Replay::start().await;
    for (name, rows) in [
        ("pronode_rest_products_BTC-EUR_trades_GET-200.json", 100),
        ("pronode_rest_products_BTC-USD_candles_BTC-USD-1581292800000-60.json", 10_080),
    ] {
        let body = fs::read_to_string(folder.join("coinbase").join(name)).unwrap();
        let page = recorded_page(60, ["2020-02-10T00:00:00Z", "2020-02-10T04:59:00Z"], body);
        let verdict = replay.play(&page).await.unwrap();
        assert!(verdict.valid.candles().is_empty(), "{name}");
        assert_eq!(verdict.refused.len(), rows, "{name}");
        assert!(verdict.refused.iter().all(|letter| letter.expectation == "readable"), "{name}");
    }
}

fn recorded_page(granularity: i64, [start, end]: [&str; 2], body: String) -> Recorded {
    let query = format!("granularity={granularity}&start={start}&end={end}");
    let uri = format!("https://example.com/products/BTC-USD/candles?{query}").parse().unwrap();
    Recorded { uri, status: 200, at: "Sat, 1 Aug 2020 00:00:00 GMT".to_owned(), body }
}

#[tokio::test]
async fn quoted_refusals_become_the_right_errors() {
    let Some(folder) = corpus() else { return };
    let mut all = String::new();
    for quoted in quoted(&folder.join("coinbase/errors_verbatim.jsonl")) {
        let Some(status) = quoted.status() else { continue };
        let (content_type, body) = (quoted.content_type, quoted.body);
        let server = Loopback::start(move |_| {
            Some(answer(status, &[("content-type", &content_type)], body.clone()))
        })
        .await;
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let provider = coinbase(&server.url, JumpingClock::at(now), |_| {});
        let series: Series = "coinbase/BTCUSD/1m".parse().unwrap();
        let window = Window::of_candles(now - TimeDelta::hours(1), Timeframe::M1, 10);
        let error = provider.fetch(&series, window, Lane::Live).await.unwrap_err();
        let is_right = match status {
            404 => matches!(error, ProviderError::UnknownSymbol { .. }),
            401 | 403 => matches!(error, ProviderError::Unauthorized { .. }),
            429 => matches!(error, ProviderError::Throttled { retry_after: None }),
            _ => matches!(error, ProviderError::Rejected { status: told, .. } if told == status),
        };
        assert!(is_right, "{}: {error:?}", quoted.id);
        writeln!(all, "{}: {error}", quoted.id).unwrap();
    }
    assert_snapshot!("quoted_refusals", all);
}
