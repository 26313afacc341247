//! Recorded history of real markets, through the real command.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

use barkeep::{
    app::App,
    market::{Calendar, CandleState, Run, Series, Window},
};
use insta::assert_snapshot;

use crate::cli::Desk;

/// Where the recordings are, if they are here; they are not part of the source tree.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus"));
    if !folder.exists() {
        println!("skipped: the corpus is not here");
        return None;
    }
    Some(folder)
}

/// File, series, rows, candles of its span that are closed and that are missing.
type Known = (&'static str, &'static str, i64, i64, i64);

/// Holes are of two kinds. Coinbase's are outages of the exchange. Oanda's, in EURUSD, are late
/// openings after a weekend or a holiday and quarters in which nobody changed a quote. `BTCUSD` is
/// a contract for difference there: it pauses for four minutes at 17:00 New York and from Friday to
/// Sunday (three times 576 candles), while the calendar of the coin itself never closes.
const HISTORY: [Known; 6] = [
    ("history/BTC_USD_H1_2020_2023.parquet", "coinbase/BTCUSD/1h", 35_058, 0, 6),
    ("history/BTC_USD_M1_4320.parquet", "oanda/BTCUSD/1m", 4_320, 0, 12),
    ("history/BTC_USD_M5_5000.parquet", "oanda/BTCUSD/5m", 5_000, 0, 1_728),
    ("history/EUR_USD_H1_2020_2023.parquet", "oanda/EURUSD/1h", 24_908, 10_080, 4),
    ("history/EUR_USD_M15_2020_2023.parquet", "oanda/EURUSD/15m", 99_619, 40_320, 29),
    // Of 2026 in spite of its name.
    ("history/EUR_USD_M5_2016.parquet", "oanda/EURUSD/5m", 2_015, 576, 0),
];

const TABLES: [Known; 3] = [
    ("coinbase/ardray_BTCUSD_1h_2024.csv", "collector/BTCUSD/1h", 6_115, 0, 0),
    ("coinbase/cdd_Coinbase_BTCUSD_1h.csv", "cdd/BTCUSD/1h", 20_111, 0, 0),
    ("coinbase/cdd_Coinbase_BTCUSD_d.csv", "cdd/BTCUSD/1d", 1_770, 0, 12),
];

/// Imports a file and gives the counts: rows, landed, unchanged and refused, then those by state.
fn import(desk: &Desk, file: &str, series: &Series) -> BTreeMap<String, i64> {
    let (asset, timeframe) = (series.instrument.as_str(), series.timeframe.as_str());
    let provider = series.provider.as_str();
    let words = ["--asset", asset, "--timeframe", timeframe, "--provider", provider];
    let output = desk.run(&[&["import", file], &words[..]].concat());
    let (out, err) = (output.stdout, String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && err.is_empty(), "{file}: {err}");
    let said = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let of_rows = lines[1].split([':', ',']).map(str::trim);
    let of_rows = of_rows.filter_map(|part| part.split_once(' '));
    let counts = of_rows.map(|(count, what)| (what.split(' ').next().unwrap(), count));
    let states = lines[3..].iter().filter_map(|line| line.trim().split_once(' '));
    counts
        .chain(states)
        .map(|(what, count)| (what.to_owned(), count.trim().parse().unwrap()))
        .collect()
}

fn import_twice(desk: &Desk, folder: &Path, known: &[Known]) {
    for (name, series, rows, closed, missing) in known {
        let file = folder.join(name).display().to_string();
        let series: Series = series.parse().unwrap();
        let mut expected = BTreeMap::from(
            [("rows", *rows), ("refused", 0), ("not", 0), ("final", *rows)]
                .map(|(what, count)| (what.to_owned(), count)),
        );
        let states = [("market_closed", *closed), ("missing", *missing)];
        let states = states.iter().filter(|(_, count)| *count > 0);
        expected.extend(states.map(|(state, count)| ((*state).to_owned(), *count)));
        for (landed, unchanged) in [(*rows, 0), (0, *rows)] {
            expected.insert("landed".to_owned(), landed);
            expected.insert("unchanged".to_owned(), unchanged);
            assert_eq!(import(desk, &file, &series), expected, "{name}");
        }
    }
}

/// The states of a series from its first to its last candle.
fn states(app: &App, series: &Series) -> (Window, Vec<Run<CandleState>>) {
    let book = app.books.get(series).unwrap();
    book.with_ledger(|ledger| {
        let last = ledger.last_final(app.clock.now()).unwrap() + series.timeframe.duration();
        let window = Window::new(ledger.first_final().unwrap(), last);
        (window, ledger.states(window))
    })
}

fn missing(app: &App, series: &Series) -> String {
    let mut text = format!("{series}\n");
    let (_, states) = states(app, series);
    for run in states.iter().filter(|run| run.value == CandleState::Missing) {
        let opens = run.window.start.format("%a %F %R");
        writeln!(text, "  {opens} {}", run.window.candles(series.timeframe)).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_history_lands_whole_and_once() {
    let Some(folder) = corpus() else { return };
    let desk = Desk::new();
    tokio::task::block_in_place(|| import_twice(&desk, &folder, &HISTORY));
    let app = App::start(desk.config()).await.unwrap();
    let mut holes = String::new();
    for (name, series, rows, closed, _) in HISTORY {
        let series: Series = series.parse().unwrap();
        let (window, states) = states(&app, &series);
        let of = |state| {
            let runs = states.iter().filter(|run| run.value == state);
            runs.map(|run| run.window.candles(series.timeframe)).sum::<i64>()
        };
        let (landed, missing_count) = (of(CandleState::Final), of(CandleState::Missing));
        let all = landed + of(CandleState::MarketClosed) + missing_count;
        assert_eq!(all, window.candles(series.timeframe), "{name}: nothing but these states");
        assert_eq!((landed, of(CandleState::MarketClosed)), (rows, closed), "{name}");
        let candles = app.lake.candles(series.timeframe).candles(&series, window).await.unwrap();
        assert_eq!(candles.len() as i64, rows, "{name}");
        assert!(candles.iter().all(|landed| landed.revision == 0), "{name}");
        if series.instrument.as_str() == "EURUSD" {
            // Not one candle of four years lies where the calendar says that the market is closed.
            let is_open = |at| Calendar::FxWeek.is_open(at);
            assert!(candles.iter().all(|landed| is_open(landed.candle.open_time)), "{name}");
        }
        if missing_count > 12 && series.instrument.as_str() == "BTCUSD" {
            continue;
        }
        holes += &missing(&app, &series);
    }
    assert_snapshot!("holes", holes);
    for table in app.lake.tables() {
        assert_eq!(table.duplicates().await.unwrap(), 0, "{}", table.name());
    }
    app.store.close().await;
}

#[test]
fn tables_of_collectors_land_whole_and_once() {
    let Some(folder) = corpus() else { return };
    import_twice(&Desk::new(), &folder, &TABLES);
}
