//! `barkeep diff` against a daemon with a lake: what is the same passes, and what is not is named.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use axum::{ServiceExt, extract::Request};
use barkeep::{
    files::{self, ColumnMap, FileRequest},
    market::{Candle, Timeframe},
};
use chrono::{DateTime, SecondsFormat};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{LOST, Said, Stub};
use crate::{
    cli::Desk,
    support::test_app::{TestApp, seconds},
};

const SERIES: &str = "someone/BTCUSD/1h";
const HEADER: &str = "time,open,high,low,close,volume\n";

/// A day of hours.
fn rows() -> Vec<String> {
    let row = |hour: u32| {
        let volume = if hour == 5 { String::new() } else { format!("{hour}.5") };
        format!(
            "2024-01-02T{hour:02}:00:00Z,{}.1,{}.25,99.7,100.3,{volume}\n",
            100 + hour,
            110 + hour
        )
    };
    (0..24).map(row).collect()
}

fn csv(rows: &[String]) -> String {
    format!("{HEADER}{}", rows.concat())
}

/// An object per row, as `time` is called in the system before.
fn objects(rows: &[String]) -> Vec<String> {
    let object = |row: &String| {
        let cells: Vec<&str> = row.trim_end().split(',').collect();
        let number = |n: usize| cells[n].parse::<f64>().ok();
        let date = cells[0].replace('T', " ").replace('Z', "");
        json!({
            "date": date, "open": number(1), "high": number(2), "low": number(3),
            "close": number(4), "volume": number(5),
        })
        .to_string()
    };
    rows.iter().map(object).collect()
}

/// A daemon whose lake holds `rows`, and a folder of files.
struct Bench {
    app: TestApp,
    desk: Desk,
    address: String,
    server: JoinHandle<()>,
}

impl Bench {
    async fn with(rows: &[String]) -> Self {
        let app = TestApp::start().await;
        app.import("first.csv", &csv(rows), SERIES).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = barkeep::api::service(app.app.clone());
        let service = ServiceExt::<Request>::into_make_service(service);
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { app, desk: Desk::new(), address, server }
    }

    fn said(&self, words: &str) -> Said {
        said(&self.desk, &self.address, words)
    }

    fn json(&self, words: &str) -> Value {
        let said = self.said(&format!("{words} --json"));
        assert_eq!(said.err, "");
        serde_json::from_str(&said.out).unwrap()
    }

    /// Passes, after so many candles.
    fn agrees(&self, words: &str, candles: usize) {
        let said = self.said(words);
        assert_eq!((said.code, &*said.err), (0, ""), "{words}: {}", said.out);
        assert!(said.out.ends_with("A and B have the same candles\n"), "{words}: {}", said.out);
        let told = self.json(words);
        assert_eq!((&told["compared"], &told["same"]), (&json!(candles), &json!(candles)));
        assert_eq!((&told["is_same"], &told["examples"]), (&json!(true), &json!([])), "{words}");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn said(desk: &Desk, address: &str, words: &str) -> Said {
    let words: Vec<&str> = ["diff"].into_iter().chain(words.split(' ')).collect();
    let mut command = desk.command(&words);
    command.env("BARKEEP_SERVER", format!("http://{address}"));
    Said::of(&command.output().unwrap()).without(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_candles_are_the_same_in_every_kind_of_file() {
    let rows = rows();
    let bench = Bench::with(&rows).await;
    let newest_first: Vec<String> = rows.iter().rev().cloned().collect();
    bench.desk.write("old.csv", csv(&newest_first));
    bench.desk.write("old.json", format!("[{}]", objects(&rows).join(",\n")));
    bench.desk.write("old.jsonl", objects(&newest_first).join("\n"));
    let span = "start=2024-01-02T00:00:00Z&end=2024-01-03T00:00:00Z";
    let path = format!("/v1/candles?series={SERIES}&{span}&format=");
    bench.desk.write("old.parquet", bench.app.get(&format!("{path}parquet")).await.body);
    bench.desk.write("lake.csv", bench.app.get(&format!("{path}csv")).await.body);
    bench.desk.write("lake.ndjson", bench.app.get(&format!("{path}ndjson")).await.body);
    for file in ["old.csv", "old.json", "old.jsonl", "old.parquet", "lake.csv", "lake.ndjson"] {
        bench.agrees(&format!("{SERIES} {file}"), 24);
        bench.agrees(&format!("{file} {SERIES}"), 24);
    }
    for folder in ["all", "all/more", "all/_log"] {
        std::fs::create_dir(bench.desk.path(folder)).unwrap();
    }
    bench.desk.write("all/b.csv", csv(&rows[..10]));
    bench.desk.write("all/a.json", format!("[{}]", objects(&rows[10..20]).join(",")));
    bench.desk.write("all/more/c.csv", csv(&rows[20..]));
    bench.desk.write("all/.c.csv.crc", "no file of candles");
    bench.desk.write("all/_log/0.json", "neither is this");
    bench.agrees(&format!("{SERIES} all"), 24);
    bench.agrees("all old.parquet --timeframe 1h", 24);
    bench.agrees(&format!("{SERIES} {SERIES}"), 24);
    // A file that holds less than the lake proves what it holds.
    bench.agrees(&format!("{SERIES} all/b.csv"), 10);
    let narrow = "--start 2024-01-02T03:00:00Z --end 2024-01-02T05:00:00Z";
    bench.agrees(&format!("{SERIES} old.csv {narrow}"), 2);
    bench.agrees(&format!("{SERIES} old.csv --start 2024-01-02T20:00:00Z"), 4);
}

/// One of each kind.
fn spoiled() -> Vec<String> {
    let mut rows = rows();
    rows[7] = rows[7].replace("100.3", "100.4");
    rows[5] = rows[5].replace(",\n", ",9\n");
    rows.push(rows[9].clone());
    rows.remove(3);
    rows.push("2024-01-03T00:00:00Z,1,3,0.5,2,10\n".to_owned());
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_differs_is_counted_and_named() {
    let bench = Bench::with(&rows()).await;
    bench.desk.write("old.csv", csv(&spoiled()));
    let told = bench.said(&format!("{SERIES} old.csv"));
    assert_eq!(told.code, 1);
    assert_snapshot!("diff", told.whole());
    let turned = bench.json(&format!("old.csv {SERIES} --limit 2"));
    insta::assert_json_snapshot!("diff_json", turned);
    let two = bench.said(&format!("old.csv {SERIES} --limit 2"));
    assert!(two.out.contains("5 differences, of which 3 are not listed (--limit)"), "{}", two.out);
    bench.desk.write("one.csv", csv(&rows()).replace("107.1,117.25", "107.1,117.26"));
    let one = bench.said(&format!("{SERIES} one.csv"));
    let line = "2024-01-02T07:00:00Z  changed  high   117.25  117.26\n";
    assert!(one.out.contains(line), "{}", one.out);
    assert_eq!(one.code, 1);
    bench.desk.write("fewer.csv", csv(&[&rows()[..8], &rows()[9..]].concat()));
    let fewer = bench.said(&format!("{SERIES} fewer.csv"));
    let line = "2024-01-02T08:00:00Z  missing in B  o h l c v  108.1 118.25 99.7 100.3 8.5  –\n";
    assert!(fewer.code == 1 && fewer.out.contains(line), "{}", fewer.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tolerated_is_no_difference() {
    let bench = Bench::with(&rows()).await;
    // 100.3 and 100.4 are 9.96 basis points apart.
    bench.desk.write("prices.csv", csv(&rows()).replace("100.3", "100.4"));
    let with = |words: &str| bench.said(&format!("{SERIES} {words}"));
    for (words, code) in [
        ("prices.csv", 1),
        ("prices.csv --price-tolerance 9.9", 1),
        ("prices.csv --price-tolerance 10", 0),
        ("prices.csv --volume-tolerance 10", 1),
    ] {
        assert_eq!(with(words).code, code, "{words}");
    }
    bench.desk.write("volumes.csv", csv(&rows()).replace(",8.5\n", ",8.4\n"));
    for (words, code) in [
        ("volumes.csv", 1),
        ("volumes.csv --price-tolerance 500", 1),
        ("volumes.csv --volume-tolerance 117", 1),
        ("volumes.csv --volume-tolerance 118", 0),
        ("volumes.csv --ignore-volume", 0),
    ] {
        assert_eq!(with(words).code, code, "{words}");
    }
    let ignored = with("volumes.csv --ignore-volume --price-tolerance 0.5").out;
    let end = "the same candles; prices may be 0.5 bps apart; volumes are not compared\n";
    assert!(ignored.ends_with(end), "{ignored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_may_be_as_it_was_or_another_series() {
    let bench = Bench::with(&rows()).await;
    bench.desk.write("old.csv", csv(&rows()));
    let version = bench.app.app.lake.candles(Timeframe::H1).version();
    let then = bench.app.now().to_rfc3339_opts(SecondsFormat::Micros, true);
    bench.app.clock.advance(seconds(60));
    let revised = csv(&rows()).replace("103.1,", "103.2,");
    bench.app.import("second.csv", &revised, SERIES).await;
    bench.app.import("third.csv", &csv(&rows()[4..]), "other/BTCUSD/1h").await;
    for past in [version.to_string(), then] {
        bench.agrees(&format!("{SERIES}@{past} old.csv"), 24);
        let told = bench.json(&format!("{SERIES}@{past} {SERIES}"));
        assert_eq!((&told["changed"], &told["same"]), (&json!(1), &json!(23)));
        let [example] = &told["examples"].as_array().unwrap()[..] else { panic!("{told:#}") };
        assert_eq!(example["open_time"], "2024-01-02T03:00:00Z");
        assert_eq!((&example["a"]["open"], &example["b"]["open"]), (&json!(103.1), &json!(103.2)));
    }
    let told = bench.json(&format!("other/BTCUSD/1h {SERIES}"));
    assert_eq!((&told["missing_in_a"], &told["same"]), (&json!(4), &json!(20)), "{told:#}");
}

/// More than is compared at a time, most of it empty: nothing is passed over at the seams.
#[tokio::test(flavor = "multi_thread")]
async fn months_are_compared_stretch_by_stretch() {
    let bench = Bench::with(&rows()).await;
    let row = |n: i64| format!("{},2,3,1,1.5,1\n", 1_693_526_400 + n * 1_800);
    let mut rows: Vec<String> = (0..6_000).map(row).collect();
    bench.app.import("months.csv", &csv(&rows), "someone/BTCUSD/1m").await;
    // As if somebody had exported the later half first.
    rows.rotate_left(3_000);
    bench.desk.write("months.csv", csv(&rows));
    bench.agrees("someone/BTCUSD/1m months.csv", 6_000);
    rows[0] = rows[0].replace("1.5", "1.25");
    rows.remove(4_500);
    bench.desk.write("months.csv", csv(&rows));
    let told = bench.json("months.csv someone/BTCUSD/1m");
    let counts = ["compared", "same", "changed", "missing_in_a", "missing_in_b"];
    assert_eq!(counts.map(|name| told[name].as_i64().unwrap()), [6_000, 5_998, 1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_refused_with_its_exit_code() {
    let bench = Bench::with(&rows()).await;
    bench.desk.write("old.csv", csv(&rows()));
    let mut bad = rows();
    bad[2] = bad[2].replace("99.7", "low");
    bad[6] = bad[6].replace("100.3", "");
    bench.desk.write("bad.csv", csv(&bad));
    bench.desk.write("bad.json", format!("[{}]", objects(&bad).join(",")));
    bench.desk.write("empty.csv", HEADER);
    std::fs::create_dir(bench.desk.path("nothing")).unwrap();
    let mut all = String::new();
    for words in [
        &format!("{SERIES} bad.csv"),
        &format!("bad.json {SERIES}"),
        &format!("{SERIES} absent.csv"),
        &format!("{SERIES} nothing"),
        &format!("{SERIES} empty.csv"),
        &format!("{SERIES} old.csv --map open=price"),
        &format!("{SERIES} old.csv --start 2023-01-01 --end 2023-02-01"),
        &format!("{SERIES} old.csv --start 2024-02-01"),
        &format!("{SERIES} old.csv --start 2024-02-01 --end 2024-01-01"),
        &format!("{SERIES} old.csv --timeframe 1m"),
        &format!("{SERIES} someone/BTCUSD/1m"),
        &format!("{SERIES}@99 old.csv"),
        &format!("{SERIES}@soon old.csv"),
        &format!("{SERIES} old.csv --price-tolerance=-1"),
        &format!("{SERIES} old.csv --price-tolerance NaN"),
        &format!("{SERIES} old.csv --ignore-volume --volume-tolerance 1"),
        "nobody/BTCUSD/1h old.csv",
        "nobody/BTCUSD/1h someone/BTCUSD/1h",
        "old.csv old.csv",
        "old.csv",
    ] {
        let said = bench.said(words);
        assert_eq!((said.code, &*said.out), (2, ""), "{words}: {}", said.err);
        let usage = said.err.split("\nUsage:").next().unwrap().trim_end();
        writeln!(all, "# {words}\n{usage}").unwrap();
    }
    assert_snapshot!("diff_refused", all);
}

/// Four years of hours as somebody kept them, written anew in every way that is read.
#[test]
fn recorded_history_is_the_same_in_every_kind_of_file() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/history");
    if !Path::new(corpus).exists() {
        println!("skipped: the corpus is not here");
        return;
    }
    let path = PathBuf::from(format!("{corpus}/BTC_USD_H1_2020_2023.parquet"));
    let request = FileRequest {
        path: path.clone(),
        series: "file/BTCUSD/1h".parse().unwrap(),
        map: ColumnMap::default(),
        received_at: DateTime::UNIX_EPOCH,
    };
    let pieces = files::read(&request, 10_000).unwrap().map(Result::unwrap);
    let candles: Vec<Candle> =
        pieces.flat_map(|piece| piece.candles.iter().collect::<Vec<_>>()).collect();
    let object = |c: &Candle| {
        json!({ "timestamp": c.open_time.timestamp(), "open": c.open, "high": c.high, "low": c.low,
            "close": c.close, "volume": c.volume })
    };
    let row = |c: &Candle| {
        let volume = c.volume.unwrap();
        format!("{},{},{},{},{},{volume}\n", c.open_time, c.open, c.high, c.low, c.close)
    };
    let desk = Desk::new();
    let objects: Vec<Value> = candles.iter().map(object).collect();
    desk.write("old.json", serde_json::to_vec_pretty(&objects).unwrap());
    desk.write("old.csv", csv(&candles.iter().rev().map(row).collect::<Vec<_>>()));
    for file in ["old.json", "old.csv"] {
        let words = format!("{} {file} --timeframe 1h --json", path.display());
        let told: Value = serde_json::from_str(&said(&desk, "127.0.0.1:1", &words).out).unwrap();
        assert_eq!((&told["same"], &told["compared"]), (&json!(35_058), &json!(35_058)), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_files_alone_are_compared() {
    let desk = Desk::new();
    desk.write("old.csv", csv(&rows()));
    desk.write("bad.csv", csv(&rows()).replace("100.3", "-"));
    let nobody = "127.0.0.1:1";
    let gone = said(&desk, nobody, &format!("{SERIES} old.csv"));
    assert_eq!((gone.code, &*gone.out), (3, ""), "{}", gone.err);
    assert!(gone.err.starts_with("error: nobody answers at"), "{}", gone.err);
    let bad = said(&desk, nobody, &format!("{SERIES} bad.csv"));
    assert_eq!(bad.code, 2, "found out before anybody is asked: {}", bad.err);
    assert!(bad.err.contains("\nand 19 more rows that cannot be read\n"), "{}", bad.err);
    assert_eq!(said(&desk, nobody, "old.csv old.csv --timeframe 1h").code, 0);
    let cut = Stub::answering([("GET /v1/candles", LOST, Value::Null)]).await;
    let lost = cut.run(&desk, &format!("diff {SERIES} old.csv"));
    assert_eq!((lost.code, &*lost.out), (3, ""), "half an answer is none: {}", lost.err);
    let stub = Stub::answering([("GET /v1/candles", 200, json!({ "candles": [] }))]).await;
    let odd = stub.run(&desk, &format!("diff {SERIES} old.csv"));
    assert_eq!((odd.code, &*odd.out), (1, ""), "{}", odd.err);
    assert!(odd.err.contains("does not answer like a Barkeep"), "{}", odd.err);
    let asked = "GET /v1/candles?series=someone%2FBTCUSD%2F1h&start=2024-01-02T00%3A00%3A00Z\
                 &end=2024-01-03T00%3A00%3A00Z&format=arrow";
    assert_eq!(stub.asked(), [asked]);
}
