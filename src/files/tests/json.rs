//! JSON: arrays of objects and objects per line, as data frames and scripts write them.

use super::*;

const OBJECT: &str =
    r#"{"time": "2024-01-01 00:00", "open": 1, "high": 3.0, "low": 0.5, "close": 2, "volume": 10}"#;

fn read_json(content: &str) -> RawBatch {
    let mut pieces = read_as("a.json", content, "", 100).unwrap();
    assert_eq!(pieces.len(), 1, "{content:?}");
    pieces.remove(0)
}

#[test]
fn one_candle_reads_the_same_in_every_form_of_json() {
    let expected = read_csv("time,open,high,low,close,volume\n2024-01-01 00:00,1,3,0.5,2,10\n");
    for written in [
        OBJECT.to_owned(),
        format!("{OBJECT}\n"),
        format!("\u{feff}{OBJECT}\r\n\r\n"),
        format!("[{OBJECT}]"),
        format!("\u{feff}\n [\n  {OBJECT}\n]\n"),
        format!("[{}]", OBJECT.replace(", ", ",\n    ")),
        // As the candles of the exchange are written, and those of the system before this one.
        r#"[{"start":"1704067200","low":"0.5","high":"3","open":"1","close":"2","volume":"10"}]"#
            .to_owned(),
        r#"{"timestamp":1704067200,"open":1.0,"high":3.0,"low":0.5,"close":2.0,"volume":10.0}"#
            .to_owned(),
        r#"[{"date":"2024-01-01 00:00:00","open":1,"high":3,"low":0.5,"close":2,"volume":1e1}]"#
            .to_owned(),
        // As pandas writes a frame with an index of times.
        r#"{"index":1704067200000,"Open":1,"High":3,"Low":0.5,"Close":2,"Volume":10}"#.to_owned(),
        // Brackets, commas and quotes in text are text.
        r#"[{"note":"a ], [ \" \\","t":1704067200.0,"o":1,"h":3,"l":0.5,"c":2,"v":10,"x":[{"y":[]}]}]"#
            .to_owned(),
    ] {
        let batch = read_json(&written);
        assert_eq!(batch.candles, expected.candles, "{written:?}: {:?}", batch.unreadable);
        assert_eq!((batch.rows, batch.window), (vec![0], expected.window), "{written:?}");
    }
}

#[test]
fn prices_keep_every_digit_and_an_absent_volume_is_none() {
    for volume in ["", r#", "v": null"#, r#", "v": "NaN""#, r#", "v": """#] {
        let row =
            format!(r#"{{"t":1704067200,"o":1,"h":3,"l":0.5,"c":0.1234567890123456789{volume}}}"#);
        let candle = read_json(&row).candles.get(0);
        assert_eq!((candle.volume, candle.close), (None, 0.123_456_789_012_345_68), "{row}");
    }
}

#[test]
fn an_unreadable_row_of_json_is_kept_with_its_place_and_reason() {
    let with = |from: &str, to: &str| OBJECT.replace(from, to);
    for (bad, needles) in [
        (with("3.0", "\"x\""), ["column \"high\": \"x\"", "not a number"]),
        (with("0.5", "null"), ["column \"low\": \"\"", "not a number"]),
        (with("\"low\": 0.5, ", ""), ["column \"low\": \"\"", "not a number"]),
        (with("\"close\": 2", "\"close\": [2]"), ["column \"close\": \"[2]\"", "not a number"]),
        (with("\"close\": 2", "\"close\": true"), ["column \"close\": \"true\"", "not a number"]),
        (with("10", "\"lots\""), ["column \"volume\": \"lots\"", "not a number"]),
        (with("10", "NaN"), ["not JSON", "column"]),
        (with("\"2024-01-01 00:00\"", "17"), ["column \"time\": \"17\"", "use unix seconds"]),
        (with("\"2024-01-01 00:00\"", "null"), ["column \"time\": \"\"", "not a time"]),
        (with("\"open\": 1", "\"open\": 1e999"), ["not JSON", "out of range"]),
        ("[1, 2, 3]".to_owned(), ["not an object", "name for every value"]),
        ("null".to_owned(), ["not an object", "name for every value"]),
    ] {
        let lines = read_json(&format!("{OBJECT}\n{bad}\r\n{OBJECT}"));
        let array = read_json(&format!("[{OBJECT},\n{bad}\r\n, {OBJECT}]"));
        for (batch, place) in [(lines, "line 2, "), (array, "row 2, ")] {
            assert_eq!(batch.rows, [0, 2], "{bad}");
            let [(row, reason)] = &batch.unreadable[..] else { panic!("{bad}: {batch:?}") };
            let is_named = reason.starts_with(place);
            assert!(
                is_named && needles.iter().all(|part| reason.contains(part)),
                "{bad}: {reason}"
            );
            assert_eq!(batch.raw.row(*row), bad.as_bytes());
            assert_eq!(batch.raw.row(2), OBJECT.as_bytes());
            assert!(batch.raw.row(3).is_empty());
        }
    }
    let last = read_json(&format!("[{OBJECT},]"));
    assert!(last.unreadable[0].1.starts_with("row 2, not JSON"), "{:?}", last.unreadable);
}

#[test]
fn pieces_of_json_follow_the_file_up_to_where_it_breaks() {
    let row = |hour: i64| {
        format!(r#"{{"t":{},"o":1,"h":3,"l":0.5,"c":2}}"#, 1_704_067_200 + hour * 3_600)
    };
    let rows: Vec<String> = (0..45).map(row).collect();
    for (name, content) in
        [("a.json", format!("[{}]", rows.join(","))), ("a.NDJSON", rows.join("\n"))]
    {
        let pieces = read_as(name, &content, "", 9).unwrap();
        assert_eq!(pieces.iter().map(|piece| piece.rows.len()).collect::<Vec<_>>(), [9; 5]);
        assert_eq!(pieces[4].candles.open_time_at(8), instant("2024-01-02T20:00:00Z"));
    }
    for (rest, needles) in [
        ("", ["row 46", "ends before the array"]),
        (&*format!("\"{}\"]", "x".repeat(70_000)), ["row 46", "longer than"]),
        ("1]\n[2]", ["row 46", "more after the end"]),
    ] {
        let error = read_as("a.json", format!("[{},{rest}", rows.join(",")), "", 9).unwrap_err();
        let text = error.to_string();
        assert!(needles.iter().all(|needle| text.contains(needle)), "{text}");
    }
}
