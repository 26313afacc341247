//! Whole files in, pieces out: the rules of CSV and of pieces, on small fixtures.

mod bad_files;
mod corpus;
mod json;
mod parquet;

use std::{fs, path::PathBuf};

use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::*;

const ROW: &str = "2024-01-01 00:00,1,3,0.5,2,10\n";

fn request(path: PathBuf, series: &str, map: &str) -> FileRequest {
    FileRequest {
        path,
        series: series.parse().unwrap(),
        map: map.parse().unwrap(),
        received_at: "2026-01-01T00:00:30Z".parse().unwrap(),
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Reads `content` as a file of that name, as hourly BTCUSD.
fn read_as(
    name: &str,
    content: impl AsRef<[u8]>,
    map: &str,
    rows: usize,
) -> Result<Vec<RawBatch>, FileError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    read(&request(path, "file/BTCUSD/1h", map), rows)?.collect()
}

fn read_csv(content: &str) -> RawBatch {
    let mut pieces = read_as("a.csv", content, "", 100).unwrap();
    assert_eq!(pieces.len(), 1, "{content:?}");
    pieces.remove(0)
}

#[test]
fn one_candle_reads_the_same_in_every_dress() {
    let plain = "time,open,high,low,close,volume\n2024-01-01 00:00,1,3,0.5,2,10\n";
    let expected = read_csv(plain).candles;
    for dressed in [
        plain.replace(',', ";"),
        plain.replace(',', "\t"),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\n\n \n"),
        plain.trim_end().to_owned(),
        format!("\u{feff}{plain}"),
        format!("Hourly candles,https://example.com\n{plain}"),
        format!("\nMade on 10-17-2019\nby somebody\n{plain}"),
        "\"time\",\"open\",\"high\",\"low\",\"close\",\"volume\"\r\n\
         \"2024-01-01 00:00\",\"1\",\"3\",\"0.5\",\"2\",\"10\"\r\n"
            .to_owned(),
        "V, C ,L,H,O,T\n10, 2 ,0.5,3,1,1704067200\n".to_owned(),
        "Close,Date,High,Low,Open,Vol,\n2,2024-01-01,3,0.5,1,10,\n".to_owned(),
        ",Open,High,Low,Close,Volume\n2024-01-01 00:00:00,1,3,0.5,2,10\n".to_owned(),
        // A text that is no time gives way to a column that is one.
        "time,unix,open,high,low,close,volume\nlate,1704067200,1,3,0.5,2,10\n".to_owned(),
        "unix,date,open,high,low,close,Volume BTC,Volume USD\n\
         1704067200,2024-01-01 00:00:00,1,3,0.5,2,10,400000\n"
            .to_owned(),
        "date,open,high,low,close,volume_btc,volume\n2024-01-01,1,3,0.5,2,10,400000\n".to_owned(),
    ] {
        let batch = read_csv(&dressed);
        assert_eq!(batch.candles, expected, "{dressed:?}");
        assert_eq!((batch.rows, batch.unreadable), (vec![0], vec![]), "{dressed:?}");
    }
}

#[test]
fn an_absent_volume_is_none_and_prices_keep_every_digit() {
    for volume in ["", "NaN", "nan"] {
        let text = format!("t,o,h,l,c,v\n1704067200,1,3,0.5,0.1234567890123456789,{volume}\n");
        let candle = read_csv(&text).candles.get(0);
        assert_eq!((candle.volume, candle.close), (None, 0.123_456_789_012_345_68), "{volume:?}");
    }
    let none = read_csv("t,o,h,l,c\n1704067200,1,3,0.5,2\n");
    assert_eq!(none.candles.volume, [None]);
}

#[test]
fn a_mapped_column_wins_over_a_detected_one() {
    let content = "time,settled,open,high,low,close,volume,Turnover\n\
                   2024-01-01,2024-01-02,1,3,0.5,2,10,77\n";
    let read = |map| read_as("a.csv", content, map, 10).unwrap()[0].candles.get(0);
    let mapped = read("time=settled, volume=turnover");
    assert_eq!((mapped.open_time, mapped.volume), (instant("2024-01-02T00:00:00Z"), Some(77.0)));
    assert_eq!(read("").volume, Some(10.0));
    for (bad, needle) in [
        ("when=date", "time, open, high, low, close and volume"),
        ("time", "key=column"),
        ("time=", "key=column"),
        ("time=a,time=b", "twice"),
    ] {
        let error = bad.parse::<ColumnMap>().unwrap_err().to_string();
        assert!(error.contains(needle), "{bad:?}: {error}");
    }
}

#[test]
fn an_unreadable_row_is_kept_with_its_text_and_reason() {
    let header = "time,open,high,low,close,volume";
    for (bad, needles) in [
        ("2024-01-01 00:00,1,NaN,0.5,2,10", ["line 3", "\"high\": \"NaN\""]),
        ("2024-01-01 00:00,inf,3,0.5,2,10", ["\"open\": \"inf\"", "not a number"]),
        ("2024-01-01 00:00,1,3,,2,10", ["\"low\": \"\"", "not a number"]),
        ("2024-01-01 00:00,1,3,0.5,two,10", ["\"close\": \"two\"", "not a number"]),
        ("2024-01-01 00:00,1,3,0.5,1e999,10", ["\"close\": \"1e999\"", "not a number"]),
        ("2024-01-01 00:00,1,3,0.5,2,lots", ["\"volume\": \"lots\"", "not a number"]),
        ("01/02/2024,1,3,0.5,2,10", ["\"time\": \"01/02/2024\"", "use unix seconds"]),
        ("17,1,3,0.5,2,10", ["\"time\": \"17\"", "not a time"]),
        ("2024-01-01 00:00,1,3,0.5", ["line 3", "4 cells where the header has 6"]),
        ("2024-01-01 00:00,1,234,3,0.5,2,10", ["7 cells", "header has 6"]),
        ("\"2024-01-01 00:00,1,3,0.5,2,10", ["1 cells", "header has 6"]),
        (",,,,,", ["\"time\": \"\"", "not a time"]),
    ] {
        let batch = read_csv(&format!("{header}\n{ROW}{bad}\r\n{ROW}"));
        assert_eq!(batch.rows, [0, 2], "{bad}");
        let [(row, reason)] = &batch.unreadable[..] else { panic!("{bad}: {batch:?}") };
        assert!(needles.iter().all(|needle| reason.contains(needle)), "{bad}: {reason}");
        assert_eq!(batch.raw.row(*row), bad.as_bytes());
        assert_eq!(batch.raw.row(2), ROW.trim_end().as_bytes());
        assert!(batch.raw.row(3).is_empty());
    }
}

#[test]
fn bytes_that_are_no_text_stay_as_they_were() {
    let content = b"time,open,high,low,close\n2024-01-01,1,3,\xE9,2\n";
    let batch = read_as("a.csv", content, "", 10).unwrap().remove(0);
    assert_eq!(batch.raw.row(batch.unreadable[0].0), &content[25..content.len() - 1]);
}

#[test]
fn pieces_follow_the_file_and_carry_its_name_and_window() {
    let row = |hour: i64| format!("{},1,3,0.5,2\n", 1_704_067_200 + hour * 3_600);
    let newest_first: String = (0..45).rev().map(row).collect();
    let content = format!("time,open,high,low,close\n{newest_first}x,1,3,0.5,2\n");
    let pieces = read_as("newest first.TXT", &content, "", 9).unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.rows.len()).collect::<Vec<_>>(), [9, 9, 9, 9, 9, 0]);
    let first = &pieces[0];
    let window = Window::new(instant("2024-01-02T12:00:00Z"), instant("2024-01-02T21:00:00Z"));
    assert_eq!(first.window, window);
    assert_eq!(first.candles.open_time_at(0), instant("2024-01-02T20:00:00Z"));
    assert_eq!(first.provenance.source, "newest first.TXT");
    assert_eq!(first.provenance.extracted_at, instant("2026-01-01T00:00:30Z"));
    assert!(!first.provenance.is_mock && !first.provenance.is_derived);
    assert!(pieces[5].window.is_empty() && pieces[5].unreadable[0].1.contains("line 47"));
    assert!(read_as("a.csv", "time,open,high,low,close\n", "", 9).unwrap().is_empty());
    let off_grid = read_csv("t,o,h,l,c\n1704069000,1,3,0.5,2\n").window;
    assert_eq!(
        off_grid,
        Window::new(instant("2024-01-01T00:00:00Z"), instant("2024-01-01T01:00:00Z"))
    );
}
