//! What is compared, as it is written: a series, as it is or as it was, or a path.

use std::{fmt, path::PathBuf};

use crate::{
    cli::given::{instant, written},
    lake::Past,
    market::Series,
};

/// One side.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Series {
        series: Series,
        past: Past,
    },
    /// A file, or a folder of them.
    Path(PathBuf),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Series { series, past: Past { version, known_at } } => {
                series.fmt(f)?;
                let version = version.map(|version| version.to_string());
                match version.or_else(|| known_at.map(written)) {
                    Some(past) => write!(f, "@{past}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What reads as a series is one; a path that looks like one begins with `./`.
pub(super) fn given(text: &str) -> Result<Given, String> {
    let (name, past) = match text.rsplit_once('@') {
        Some((name, past)) => (name, Some(past)),
        None => (text, None),
    };
    let Ok(series) = name.parse::<Series>() else { return Ok(Given::Path(text.into())) };
    let past = past.map_or(Ok(Past::default()), past_of)?;
    Ok(Given::Series { series, past })
}

/// A version of the table is a number, an instant never is.
fn past_of(text: &str) -> Result<Past, String> {
    if let Ok(version) = text.parse() {
        return Ok(Past { version: Some(version), known_at: None });
    }
    match instant(text) {
        Ok(at) => Ok(Past { version: None, known_at: Some(at) }),
        Err(fix) => Err(format!("@{text} is neither a version, like @12, nor an instant: {fix}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_told_from_a_path_and_has_a_past_if_it_is_said() {
        let series = |version, known_at: Option<&str>| Given::Series {
            series: "coinbase/BTCUSD/1m".parse().unwrap(),
            past: Past { version, known_at: known_at.map(|at| at.parse().unwrap()) },
        };
        let at = "2024-03-06T11:00:00Z";
        for (text, expected) in [
            ("coinbase/BTCUSD/1m", series(None, None)),
            ("coinbase/btc-usd/1m@12", series(Some(12), None)),
            ("coinbase/BTCUSD/1m@2024-03-06T11:00:00Z", series(None, Some(at))),
            ("coinbase/BTCUSD/1m@2024-03-06", series(None, Some("2024-03-06T00:00:00Z"))),
            ("./coinbase/BTCUSD/1m", Given::Path("./coinbase/BTCUSD/1m".into())),
            ("old/btc@home.csv", Given::Path("old/btc@home.csv".into())),
            ("coinbase/BTCUSD/2m", Given::Path("coinbase/BTCUSD/2m".into())),
        ] {
            assert_eq!(given(text).unwrap(), expected, "{text}");
            assert_eq!(given(&expected.to_string()).unwrap(), expected, "{text}");
        }
        for bad in ["coinbase/BTCUSD/1m@", "coinbase/BTCUSD/1m@-1", "coinbase/BTCUSD/1m@now"] {
            assert!(given(bad).unwrap_err().contains("@12"), "{bad}");
        }
    }
}
