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
fn an_asset_may_have_an_order_of_its_own() {
    let file = file("[ingest.providers_of]\nBTC-USD = [\"coinbase\", \"alpha_vantage\"]\n");
    let variables = environment(&[("BARKEEP__INGEST__PROVIDERS_OF__EURUSD", "oanda, coinbase")]);
    let config = Config::from_layers(Some(file.path()), variables).unwrap();
    let order = |asset: &str| -> Vec<_> {
        let order = &config.ingest.providers_of[&asset.parse().unwrap()];
        order.iter().map(ProviderId::as_str).collect()
    };
    assert_eq!(order("BTCUSD"), ["coinbase", "alpha_vantage"]);
    assert_eq!(order("EURUSD"), ["oanda", "coinbase"]);

    let wrong = environment(&[
        ("BARKEEP__INGEST__PROVIDERS_OF__EURUSD", "kraken"),
        ("BARKEEP__INGEST__PROVIDERS_OF__BTCUSD", "coinbase,oanda,coinbase"),
        ("BARKEEP__INGEST__PROVIDERS_OF__A_NAME_FAR_TOO_LONG_FOR_AN_ASSET", "oanda"),
    ]);
    let violations = Config::from_layers(None, wrong).unwrap_err().violations;
    assert_eq!(violations.len(), 3, "{violations:?}");
    assert!(violations.iter().all(|one| one.starts_with("ingest.providers_of.")));
}

#[test]
fn a_stock_may_be_spelt_differently_at_alpha_vantage() {
    let file = file(concat!(
        "[providers.alpha_vantage.symbols]\nBRKB = \"BRK-B\"\n",
        "\"X Y\" = \"XY\"\nIBM = \"I B M\"\nAAPL = [\"A\", \"B\"]\n",
    ));
    let violations = Config::from_layers(Some(file.path()), HashMap::new()).unwrap_err().violations;
    assert_eq!(violations.len(), 3, "{violations:?}");
    let variables = environment(&[("BARKEEP__PROVIDERS__ALPHA_VANTAGE__SYMBOLS__BRKB", "BRK-B")]);
    let config = Config::from_layers(None, variables).unwrap();
    assert_eq!(config.providers.alpha_vantage.symbols[&"BRKB".parse().unwrap()], "BRK-B");
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
    assert_eq!(violations.len(), 2, "{violations:?}");
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
fn a_word_that_is_none_of_the_few_is_answered_with_them() {
    let variables = environment(&[
        ("BARKEEP__INGEST__KEEP", "best"),
        ("BARKEEP__PROVIDERS__ALPHA_VANTAGE__PLAN", "Premium"),
        ("BARKEEP__PROVIDERS__OANDA__URL", "http://user:hunter2@127.0.0.1"),
    ]);
    let violations = Config::from_layers(None, variables).unwrap_err().violations;
    assert_eq!(violations[0], "ingest.keep: \"best\" is not allowed: write preferred or all");
    assert!(violations[1].contains("\"Premium\" is not allowed: write free or premium"));
    assert!(violations[2].starts_with("providers.oanda.url: "), "{violations:?}");
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    let file = file("[ingest\n");
    let error = Config::from_layers(Some(file.path()), HashMap::new()).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

/// What the settings make of a CDP key; an error names every violation.
fn cdp_key(name: &str, secret: &str) -> Result<Option<CdpKey>, ConfigError> {
    let variables = environment(&[
        ("BARKEEP__PROVIDERS__COINBASE__KEY_NAME", name),
        ("BARKEEP__PROVIDERS__COINBASE__KEY_SECRET", secret),
    ]);
    Config::from_layers(None, variables).map(|config| config.providers.coinbase.key)
}

#[test]
fn a_cdp_key_is_read_at_the_start_or_refused_there_without_repeating_it() {
    assert!(cdp_key("", "").unwrap().is_none());
    let secret = "dGhpcyBpcyBhIHRlc3Qga2V5LCBuZXZlciB1c2UgaXQ=";
    assert_eq!(cdp_key("mine", secret).unwrap().unwrap().name, "mine");
    for (name, secret) in [("mine", ""), ("", secret)] {
        let violations = cdp_key(name, secret).unwrap_err().violations;
        assert!(violations[0].starts_with("providers.coinbase.key_name: give both"));
    }
    let error = cdp_key("mine", "c2VjcmV0IG9mIG1pbmU=").unwrap_err();
    assert!(error.violations[0].starts_with("providers.coinbase.key_secret: it is no key"));
    assert!(error.to_string().contains("P-256") && !error.to_string().contains("c2VjcmV0"));
}

#[test]
fn a_cdp_key_may_come_from_the_file_as_it_was_downloaded() {
    let pem = include_str!("../../tests/fixtures/coinbase_advanced/test_key_es256_sec1.pem");
    let key = file(pem);
    let path = key.path();
    let settings =
        file(&format!("[providers.coinbase]\nkey_name = \"mine\"\nkey_secret_file = {path:?}\n"));
    let config = Config::from_layers(Some(settings.path()), HashMap::new()).unwrap();
    let key = config.providers.coinbase.key.unwrap();
    assert_eq!(key.algorithm, jsonwebtoken::Algorithm::ES256);
}

#[test]
fn the_stores_url_is_given_once_and_never_repeated() {
    let url = "postgres://me:hunter2@db/bars";
    let secret = file(url);
    let path = secret.path().display().to_string();
    let given = |pairs: &[(&str, &str)]| Config::from_layers(None, environment(pairs));
    let by_file = given(&[("BARKEEP__STORE__URL_FILE", &path)]).unwrap();
    let by_variable = given(&[("BARKEEP__STORE__URL", url)]).unwrap();
    for config in [by_file, by_variable] {
        assert_eq!(config.store_url.to_string(), "postgres://db/bars");
        assert!(!format!("{config:#?}").contains("hunter2"));
    }
    let twice = [("BARKEEP__STORE__URL", url), ("BARKEEP__STORE__URL_FILE", &*path)];
    let doubtful = [("BARKEEP__STORE__URL", "postgres://me:12/hunter2@db/bars")];
    let absent = [("BARKEEP__STORE__URL_FILE", "absent")];
    for (pairs, begins) in [
        (&twice[..], "store.url_file: give either this or store.url, not both"),
        (&doubtful, "store.url: use sqlite:FILE or postgres://"),
        (&absent, "store.url_file: absent cannot be read"),
    ] {
        let violations = given(pairs).unwrap_err().violations;
        assert!(violations[0].starts_with(begins), "{violations:?}");
        assert!(violations.iter().all(|one| !one.contains("hunter2")), "{violations:?}");
    }
}
