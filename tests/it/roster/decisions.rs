//! How decisions about assets are written down, and which are refused.

use barkeep::store::AuditFilter;
use chrono::TimeDelta;
use serde_json::json;

use super::{ask, command};
use crate::support::test_app::{Setup, TestApp};

async fn commands(app: &TestApp) -> Vec<(String, String)> {
    let entries = app.app.store.audit(&AuditFilter::default(), 100).await.unwrap();
    entries.into_iter().map(|entry| (entry.command, entry.target)).collect()
}

#[tokio::test]
async fn saying_it_twice_is_the_same_and_written_down_once() {
    let app = TestApp::start().await;
    let wanted = json!({ "timeframes": ["1h", "1m"], "enabled": true });
    let told = command(&app, "PUT", "/v1/assets/ETHUSD", &wanted).await;
    assert_eq!(told["timeframes"], json!(["1m", "1h"]), "finest first");
    let revision = app.app.store.roster_revision().await.unwrap();
    let roster = app.app.roster();
    app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(command(&app, "PUT", "/v1/assets/ETHUSD", &wanted).await, told);
    assert_eq!(app.app.store.roster_revision().await.unwrap(), revision);
    assert!(std::sync::Arc::ptr_eq(&roster, &app.app.roster()), "nothing was made anew");
    command(&app, "DELETE", "/v1/assets/ETHUSD", &json!({})).await;
    let said = commands(&app).await;
    let expected =
        ["asset.remove", "asset.keep"].map(|what| (what.to_owned(), "ETHUSD".to_owned()));
    assert_eq!(said, expected);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_a_fix_and_changes_nothing() {
    let app = TestApp::with(Setup { timeframes: "1m,1h", ..Setup::default() }).await;
    let before = app.get("/v1/assets").await.ok();
    let m1 = json!(["1m"]);
    for (path, body, field) in [
        ("AAPL", json!({ "timeframes": m1, "enabled": true }), "asset"),
        ("EURUSD", json!({ "timeframes": m1, "enabled": true }), "asset"),
        ("a%20b", json!({ "timeframes": m1, "enabled": true }), "asset"),
        ("ETHUSD", json!({ "timeframes": [], "enabled": true }), "timeframes"),
        ("ETHUSD", json!({ "timeframes": ["1m", "1m"], "enabled": true }), "timeframes"),
        ("ETHUSD", json!({ "timeframes": ["2m"], "enabled": true }), "timeframes[0]"),
        ("ETHUSD", json!({ "timeframes": m1, "providers": [], "enabled": true }), "providers"),
        (
            "ETHUSD",
            json!({ "timeframes": m1, "providers": ["kraken"], "enabled": true }),
            "providers",
        ),
        ("ETHUSD", json!({ "timeframes": m1, "providers": ["oanda"], "enabled": true }), "asset"),
        (
            "ETHUSD",
            json!({ "timeframes": m1, "enabled": true, "reason": "x".repeat(501) }),
            "reason",
        ),
        ("ETHUSD", json!({ "timeframes": m1, "enabled": true, "nonsense": 1 }), "nonsense"),
    ] {
        let (status, problem) = ask(&app, "PUT", &format!("/v1/assets/{path}"), &body).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{path} {body}: {problem}");
        assert!(problem["fix"].as_str().is_some_and(|fix| fix.len() > 5), "{problem}");
    }
    let body = json!({ "timeframes": ["1m"], "enabled": true });
    let (_, problem) = ask(&app, "PUT", "/v1/assets/EURUSD", &body).await;
    assert!(problem["fix"].as_str().unwrap().contains("providers.oanda.token"), "{problem}");
    let (status, problem) = ask(&app, "DELETE", "/v1/assets/ETHUSD", &json!({})).await;
    assert_eq!(status, 404, "{problem}");
    assert_eq!(app.get("/v1/assets").await.ok(), before);
    assert_eq!(commands(&app).await, []);
}
