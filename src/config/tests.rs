//! Defaults hold, layers override, and everything wrong is said in one go.

use std::io::Write;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn the_defaults_are_complete_and_valid() {
    let config = Config::from_layers(None, HashMap::new()).unwrap();
    assert_eq!((config.ingest.assets.len(), config.ingest.timeframes.len()), (2, 6));
    assert!(config.server.bind.ip().is_loopback());
    assert_eq!(config.stale_after(Timeframe::D1), TimeDelta::hours(4));
}

#[test]
fn the_environment_wins_over_the_file_which_wins_over_the_defaults() {
    let file = file("[ingest]\nassets = [\"SOLUSD\"]\nhistory = \"2d\"\n");
    let variables = environment(&[
        ("BARKEEP__INGEST__ASSETS", "btc-usd,eth-usd,SOLUSD"),
        ("BARKEEP__SERVER__BIND", "127.0.0.1:9"),
        ("BARKEEP__PROVIDERS__COINBASE__BURST", "3"),
    ]);
    let config = Config::from_layers(Some(file.path()), variables).unwrap();
    let assets: Vec<_> = config.ingest.assets.iter().map(InstrumentId::as_str).collect();
    assert_eq!(assets, ["BTCUSD", "ETHUSD", "SOLUSD"]);
    assert_eq!(config.ingest.history, TimeDelta::days(2));
    assert_eq!((config.server.bind.port(), config.providers.coinbase.http.burst.get()), (9, 3));
}

#[test]
fn every_violation_is_reported_at_once_with_its_key_path() {
    let file = file(concat!(
        "[ingest]\nhistory = \"soon\"\nassets = [\"BTC USD\"]\nconfirmations = 0\ncolour = 1\n",
        "[server]\nbind = \"0.0.0.0:80\"\n",
        "[providers.coinbase]\nburst = 0\n[providers.kraken]\nurl = \"https://x\"\n",
    ));
    let variables = environment(&[("BARKEEP__LOG__FORMAT", "xml")]);
    let error = Config::from_layers(Some(file.path()), variables).unwrap_err();
    for path in [
        "ingest.history: ",
        "ingest.assets: ",
        "ingest.confirmations: ",
        "ingest.colour: there is no such setting",
        "server.bind: ",
        "providers.coinbase.burst: ",
        "providers.kraken.url: there is no such setting",
        "log.format: ",
    ] {
        let named = error.violations.iter().any(|line| line.starts_with(path));
        assert!(named, "{path:?} is not among {:#?}", error.violations);
    }
    assert_eq!(error.violations.len(), 8, "{:#?}", error.violations);
    let text = error.to_string();
    assert!(
        text.contains("loopback") && text.contains("BTC USD") && text.contains("soon"),
        "{text}"
    );
}

#[test]
fn single_days_of_a_calendar_are_set_by_date() {
    let variables = environment(&[
        ("BARKEEP__CALENDARS__EQUITY_CLOSED", "2027-03-01,2027-03-02"),
        ("BARKEEP__CALENDARS__FX_EARLY_CLOSE", "2026-12-24 13:00"),
    ]);
    let calendars = Config::from_layers(None, variables).unwrap().calendars;
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert!(!calendars.equity.is_open(at("2027-03-02T16:00:00Z")));
    assert!(calendars.equity.is_open(at("2027-03-03T16:00:00Z")));
    assert!(calendars.fx.is_open(at("2026-12-24T17:59:00Z")));
    assert!(!calendars.fx.is_open(at("2026-12-24T18:00:00Z")));

    let variables = environment(&[
        ("BARKEEP__CALENDARS__FX_CLOSED", "tomorrow"),
        ("BARKEEP__CALENDARS__EQUITY_EARLY_CLOSE", "2026-12-24"),
    ]);
    let violations = Config::from_layers(None, variables).unwrap_err().violations;
    assert!(violations[0].starts_with("calendars.fx_closed: "), "{violations:?}");
    assert!(violations[1].contains("like \"2026-12-24 13:00\""), "{violations:?}");
}

#[test]
fn feeds_are_set_by_name() {
    let variables = environment(&[
        ("BARKEEP__NEWS__ASSETS", "IBM,eur/usd"),
        ("BARKEEP__MACRO__INDICATORS", "cpi,REAL_GDP"),
        ("BARKEEP__MACRO__EVERY", "12h"),
    ]);
    let feeds = Config::from_layers(None, variables).unwrap().feeds;
    let named: Vec<_> =
        feeds.feeds().map(|(feed, every)| format!("{feed} {}", every.num_hours())).collect();
    assert_eq!(
        named,
        [
            "alpha_vantage/news/IBM 6",
            "alpha_vantage/news/EURUSD 6",
            "alpha_vantage/macro/CPI 12",
            "alpha_vantage/macro/REAL_GDP 12",
        ]
    );

    let variables = environment(&[
        ("BARKEEP__NEWS__ASSETS", "BTC USD"),
        ("BARKEEP__NEWS__EVERY", "0s"),
        ("BARKEEP__NEWS__HISTORY", "a week"),
        ("BARKEEP__MACRO__INDICATORS", "CPI,mood"),
    ]);
    let violations = Config::from_layers(None, variables).unwrap_err().violations;
    let expected = ["news.assets: ", "news.every: ", "news.history: ", "macro.indicators: "];
    for (violation, path) in violations.iter().zip(expected) {
        assert!(violation.starts_with(path), "{violations:#?}");
    }
    assert!(violations[3].contains("\"mood\"") && violations[3].contains("use CPI"));
}

/// The defaults must leave the free plan enough for two assets' daily candles and their repeats.
#[test]
fn feeds_fit_into_a_free_day() {
    let config = Config::from_layers(None, HashMap::new()).unwrap();
    let a_day = |every: TimeDelta| TimeDelta::days(1).num_seconds() / every.num_seconds();
    let requests: i64 = config.feeds.feeds().map(|(_, every)| a_day(every)).sum();
    assert!(requests <= 15, "{requests} of 25");
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    let file = file("[ingest\n");
    let error = Config::from_layers(Some(file.path()), HashMap::new()).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}
