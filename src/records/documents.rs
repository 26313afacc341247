//! Documents of a body or a file, each as it was written.

use bytes::Bytes;
use serde_json::value::RawValue;

/// How documents follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One object, or an array of them.
    Json,
    /// An object per line.
    Lines,
}

/// A whole of which no document can be told from another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no JSON: {0}")]
pub struct Unparsable(String);

/// In their order, none of them judged. Of lines each stands for itself, so only JSON can fail.
pub fn documents(text: &[u8], form: Form) -> Result<Vec<Bytes>, Unparsable> {
    match form {
        Form::Lines => {
            let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            Ok(lines.filter(|line| !line.is_empty()).map(Bytes::copy_from_slice).collect())
        }
        Form::Json => {
            let unparsable = |error: serde_json::Error| Unparsable(error.to_string());
            if text.trim_ascii_start().first() != Some(&b'[') {
                let one: &RawValue = serde_json::from_slice(text).map_err(unparsable)?;
                return Ok(vec![Bytes::copy_from_slice(one.get().as_bytes())]);
            }
            let all: Vec<&RawValue> = serde_json::from_slice(text).map_err(unparsable)?;
            Ok(all.iter().map(|one| Bytes::copy_from_slice(one.get().as_bytes())).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart_and_stay_as_they_are() {
        let cases: [(&str, Form, &[&str]); 5] = [
            (" {\"a\" : 1.0}\n", Form::Json, &["{\"a\" : 1.0}"]),
            ("[{\"a\":1}, 2]", Form::Json, &["{\"a\":1}", "2"]),
            ("[]", Form::Json, &[]),
            ("{\"a\":1}\r\n\n  {broken\n", Form::Lines, &["{\"a\":1}", "{broken"]),
            ("", Form::Lines, &[]),
        ];
        for (text, form, expected) in cases {
            assert_eq!(documents(text.as_bytes(), form).unwrap(), expected, "{text}");
        }
        for bad in ["", "{", "[{}", "{} {}", "\u{feff}"] {
            assert!(documents(bad.as_bytes(), Form::Json).is_err(), "{bad:?}");
        }
    }
}
