//! Whether two documents say the same.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A value without what does not matter: the order of fields, and white space. Numbers stay as they
/// were written.
#[derive(Debug, PartialEq)]
enum Meaning {
    Object(BTreeMap<String, Meaning>),
    List(Vec<Meaning>),
    Text(String),
    Other(String),
}

/// What lies deeper is compared as it was written.
const DEEPEST: u32 = 64;

/// Numbers are the same if they are written alike: 1.0 is another document than 1.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || meaning(one, 0) == meaning(other, 0)
}

fn meaning(json: &str, depth: u32) -> Meaning {
    let json = json.trim_ascii();
    let as_written = || Meaning::Other(json.to_owned());
    let inner = |value: &RawValue| meaning(value.get(), depth + 1);
    match json.as_bytes().first() {
        Some(b'{') if depth < DEEPEST => {
            let fields = serde_json::from_str::<BTreeMap<String, &RawValue>>(json);
            let field = |(name, value): (String, &RawValue)| (name, inner(value));
            fields.map_or_else(
                |_| as_written(),
                |all| Meaning::Object(all.into_iter().map(field).collect()),
            )
        }
        Some(b'[') if depth < DEEPEST => serde_json::from_str::<Vec<&RawValue>>(json).map_or_else(
            |_| as_written(),
            |all| Meaning::List(all.into_iter().map(inner).collect()),
        ),
        Some(b'"') => serde_json::from_str(json).map_or_else(|_| as_written(), Meaning::Text),
        _ => as_written(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_white_space_do_not_matter_and_every_digit_does() {
        for (one, other) in [
            (r#"{"a":1,"b":[1,{"c":"x"}]}"#, r#" { "b": [1, {"c": "x"}], "a": 1 }"#),
            (r#""\u0061""#, r#""a""#),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("{\"a\":1}", "{\"a\":2}"),
            ("{\"a\":1}", "{\"a\":\"1\"}"),
            ("{\"a\":1}", "{\"a\":1,\"b\":null}"),
            ("[1,2]", "[2,1]"),
            ("0.12345678901234567890", "0.12345678901234567891"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(is_same(&deep, &format!(" {deep}")));
    }
}
