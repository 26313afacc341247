//! T78: what is secret comes out nowhere, whatever fails.

use std::{
    fmt::Write,
    io,
    sync::{Arc, Mutex},
};

use axum::http::{Request, header::AUTHORIZATION};
use barkeep::market::Scope;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::make;
use crate::support::test_app::{Setup, TestApp};

const API_KEY: &str = "AVKEY5ECRET0FALPHAVANTAGE";
const TOKEN: &str = "0anda5ecret-t0ken0f-a-person";
const CDP_KEY: &str = "dGhpcyBpcyBhIHRlc3Qga2V5LCBuZXZlciB1c2UgaXQ=";

const SETTINGS: &[(&str, &str)] = &[
    ("AUTH__MODE", "keys"),
    ("INGEST__PROVIDERS", "coinbase,oanda,alpha_vantage"),
    ("PROVIDERS__OANDA__TOKEN", TOKEN),
    ("PROVIDERS__ALPHA_VANTAGE__API_KEY", API_KEY),
    // Nobody listens there.
    ("PROVIDERS__COINBASE__ADVANCED_URL", "http://127.0.0.1:1"),
    ("PROVIDERS__COINBASE__KEY_NAME", "mine"),
    ("PROVIDERS__COINBASE__KEY_SECRET", CDP_KEY),
    ("PROVIDERS__ALPHA_VANTAGE__RETRIES", "0"),
    ("PROVIDERS__OANDA__RETRIES", "0"),
    ("PROVIDERS__COINBASE__RETRIES", "0"),
];

/// Everything that is logged, of our own at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn t78_no_secret_is_in_an_answer_a_problem_a_metric_the_audit_log_or_a_log_line() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("warn,barkeep=trace")
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let setup = Setup {
        assets: "BTCUSD,EURUSD,IBM",
        timeframes: "1h,1d",
        settings: SETTINGS,
        ..Setup::default()
    };
    let app = TestApp::with(setup).await;
    let tokens = [
        make(&app, "admin", Scope::Admin, None).await,
        make(&app, "reader", Scope::Read, None).await,
    ];
    // Answers that are refused, and questions that fail, are kept with what was asked.
    for faults in [&["bad_row=0.5"][..], &["torn=1"], &["server_error=1"]] {
        app.set_faults(faults);
        app.round().await;
    }
    for feed in ["alpha_vantage/news/BTCUSD", "alpha_vantage/macro/CPI"] {
        app.collect(feed).await.unwrap_err();
    }
    let mut said = String::new();
    let document = json!(barkeep::api::document());
    let mut asked: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let letters =
        Request::get("/v1/dead-letters").header(AUTHORIZATION, format!("Bearer {}", tokens[0]));
    let letters = app.send(letters).await.ok();
    for letter in letters["items"].as_array().unwrap() {
        let id = letter["id"].as_str().unwrap();
        asked.extend([format!("/v1/dead-letters/{id}"), format!("/v1/dead-letters/{id}/raw")]);
    }
    assert!(asked.len() > 20, "there are letters: {letters}");
    for path in asked {
        let token_of_query = format!("{path}?token={}", tokens[1]);
        for (path, token) in
            [(&path, &tokens[0]), (&path, &tokens[1]), (&token_of_query, &tokens[0])]
        {
            let path = path.replace(['{', '}'], "");
            let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"));
            let answer = app.send(request).await;
            // What a caller writes into a parameter that is none is quoted to that caller alone.
            if answer.status != 422 {
                said.push_str(&String::from_utf8_lossy(&answer.body));
            }
            write!(said, "{:?}", answer.headers).unwrap();
        }
    }
    write!(said, "{:?}", app.app).unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("coinbase is not asked for a while"), "{logged:.5000}");
    said.push_str(&logged);
    assert!(said.contains("\"token\":\"***\"") && said.contains("barkeep_http_requests_total"));
    let secrets = [API_KEY, TOKEN, CDP_KEY, &tokens[0], &tokens[1]];
    for secret in secrets {
        let at = said.find(secret);
        let around = at.map(|at| &said[at.saturating_sub(300)..at]);
        assert_eq!(around, None, "{secret}");
    }
}
