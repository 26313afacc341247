//! Files that cannot be read: the error names the trouble and the fix.

use super::*;
use crate::error::ErrorClass;

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let good = "time,open,high,low,close\n";
    for (name, content, map, needles) in [
        ("a.xlsx", "time", "", &["a.xlsx", ".csv or .txt"][..]),
        ("a", good, "", &[".parquet"]),
        ("a.parquet", good, "", &["not begin like one", "name it .csv"]),
        ("a.parquet", "PAR1 and nothing else", "", &["broken Parquet", "export it again"]),
        ("a.csv", "", "", &["empty", "header line"]),
        ("a.csv", "\n\n", "", &["empty"]),
        ("a.json", "", "", &["empty", "bring one with rows"]),
        ("a.json", " [ ] ", "", &["empty"]),
        ("a.json", "[1, 2, 3]", "", &["array of objects", "an object per line"]),
        ("a.json", "{\n  \"candles\": [\n", "", &["an object per line", "\"close\": 2"]),
        ("a.jsonl", "time,open\n1,2\n", "", &["an object per line"]),
        ("a.json", "[{\"open\": 1}", "", &["broken JSON at row 1", "export it again"]),
        ("a.json", "[{}] [{}]", "", &["row 1", "more after the end"]),
        (
            "a.json",
            "[{\"time\": 1704067200, \"open\": 1, \"high\": 3, \"close\": 2}]",
            "",
            &["no column found for low", "\"close\", \"high\"", "--map low="],
        ),
        ("a.json", "{\"t\":1704067200}\n", "time=at", &["--map time=at", "\"t\""]),
        ("a.json", "\u{1f}\u{0}", "", &["JSON in UTF-8"]),
        ("a.csv", "PK\u{3}\u{4}zip", "", &["unpack"]),
        ("a.csv", "t\0i\0", "", &["UTF-8"]),
        ("a.csv", "1704067200,1,3,0.5,2,10\n", "", &["line 1", "header line", "time,open,high"]),
        ("a.csv", "banner\n2024-01-01,1,3,0.5,2\n", "", &["line 2", "without a header"]),
        ("a.csv", "time,open,high,close\n", "", &["line 1", "low", "\"close\"", "--map low="]),
        ("a.csv", "open,high,low,close\n1,3,0.5,2\n", "", &["for time", "--map time="]),
        (
            "a.csv",
            "n,open,high,low,close\n1,1,3,0.5,2\n",
            "",
            &["for time;", "\"n\", \"open\"", "--map"],
        ),
        (
            "a.csv",
            ",open,high,low,close\n0,1,3,0.5,2\n1,1,3,0.5,2\n",
            "",
            &["for time;", "--map time="],
        ),
        ("a.csv", "wann,p,q,r,s\n1,1,3,0.5,2\n", "", &["time, open, high, low, close", "\"wann\""]),
        ("a.csv", good, "volume=amount", &["volume=amount", "\"close\"", "--map"]),
        (
            "a.csv",
            "date,time,open,high,low,close\n2024-01-01,09:00,1,3,0.5,2\n",
            "",
            &["time", "date", "join both"],
        ),
    ] {
        let error = read_as(name, content, map, 10).unwrap_err();
        let text = error.to_string();
        assert!(needles.iter().all(|needle| text.contains(needle)), "{content:?}: {text}");
        assert_eq!(error.class(), ErrorClass::Invalid, "{text}");
    }
    let endless = read_as("a.csv", format!("{good}{}", "1".repeat(70_000)), "", 10).unwrap_err();
    assert!(endless.to_string().contains("line 2"), "{endless}");
    let missing = read(&request("/nowhere/a.csv".into(), "file/BTCUSD/1h", ""), 10).unwrap_err();
    assert_eq!(missing.class(), ErrorClass::NotFound);
    let folder = read(&request("/".into(), "file/BTCUSD/1h", ""), 10).unwrap_err();
    assert_eq!(folder.class(), ErrorClass::Invalid);
}
