//! Who is let in, from where, how often, and what nobody is told.

mod audit;
mod front;
mod gate;
mod keys;
mod matrix;
mod secrets;
mod tls;

use axum::http::{Request, header::AUTHORIZATION};
use barkeep::{
    access::Token,
    market::{By, Scope},
    store::{ApiKey, AuditEntry},
};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::test_app::{Answer, Setup, TestApp};

const WITH_KEYS: &[(&str, &str)] = &[("AUTH__MODE", "keys")];

pub(crate) async fn guarded() -> TestApp {
    TestApp::with(Setup { settings: WITH_KEYS, ..Setup::default() }).await
}

fn by() -> By {
    By { actor: "command line".to_owned(), request: String::new() }
}

/// What is kept of a token under a name.
fn key(token: &Token, name: &str, scope: Scope, now: DateTime<Utc>) -> ApiKey {
    ApiKey {
        id: format!("key_{name}"),
        name: name.to_owned(),
        hash: token.hash(),
        scope,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

/// Makes a key as `barkeep keys create` does, and gives its token.
pub(crate) async fn make(
    app: &TestApp,
    name: &str,
    scope: Scope,
    until: Option<DateTime<Utc>>,
) -> String {
    let token = Token::generate().unwrap();
    let kept = ApiKey { expires_at: until, ..key(&token, name, scope, app.now()) };
    let entry = AuditEntry::new(app.now(), &by(), "key.create", &name, json!({ "scope": scope }));
    app.app.store.add_api_key(&kept, &entry).await.unwrap();
    token.secret().expose_secret().to_owned()
}

async fn revoke(app: &TestApp, name: &str) {
    let entry = AuditEntry::new(app.now(), &by(), "key.revoke", &name, json!({}));
    app.app.store.revoke_api_key(name, app.now(), &entry).await.unwrap();
}

async fn get_with(app: &TestApp, path: &str, token: &str) -> Answer {
    app.send(Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"))).await
}
