//! Keys that come and go beside the daemon, and the commands that make and revoke them.

use std::{
    collections::HashMap,
    process::{Command, Output},
};

use barkeep::market::Scope;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};

use super::{get_with, guarded, make, revoke};
use crate::support::test_app::TestApp;

const ASKED: &str = "/v1/series";

async fn status(app: &TestApp, token: &str) -> u16 {
    get_with(app, ASKED, token).await.status.as_u16()
}

#[tokio::test]
async fn a_key_that_is_made_or_revoked_beside_the_daemon_is_noticed_within_two_seconds() {
    let app = guarded().await;
    let first = make(&app, "first", Scope::Read, None).await;
    assert_eq!(status(&app, &first).await, 200);
    let second = make(&app, "second", Scope::Read, None).await;
    app.clock.advance(TimeDelta::milliseconds(100));
    assert_eq!(status(&app, &second).await, 200);
    revoke(&app, "first").await;
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(status(&app, &first).await, 401);
    assert_eq!(status(&app, &second).await, 200);
    // The name is free again, for a key of its own.
    app.clock.advance(TimeDelta::seconds(1));
    let other = app.app.store.api_keys().await.unwrap();
    assert_eq!(other.iter().filter(|key| key.revoked_at.is_some()).count(), 1);
}

#[tokio::test]
async fn a_key_ends_at_the_instant_it_expires() {
    let app = guarded().await;
    let until = app.now() + TimeDelta::milliseconds(500);
    let token = make(&app, "short", Scope::Read, Some(until)).await;
    assert_eq!(status(&app, &token).await, 200);
    app.clock.advance(TimeDelta::milliseconds(499));
    assert_eq!(status(&app, &token).await, 200);
    app.clock.set(until);
    let problem = get_with(&app, ASKED, &token).await.problem_of(ASKED, 401);
    assert_eq!(problem["detail"], "the API key has expired");
}

/// A clock that is set back must not keep what was read in its future.
#[tokio::test]
async fn a_revoked_key_stays_out_when_the_clock_is_set_back() {
    let app = guarded().await;
    let token = make(&app, "first", Scope::Read, None).await;
    assert_eq!(status(&app, &token).await, 200);
    revoke(&app, "first").await;
    app.clock.advance(TimeDelta::hours(-1));
    assert_eq!(status(&app, &token).await, 401);
}

async fn last_use(app: &TestApp, at_least: DateTime<Utc>) -> DateTime<Utc> {
    for _ in 0..10_000 {
        let keys = app.app.store.api_keys().await.unwrap();
        if let Some(at) = keys[0].last_used_at.filter(|at| *at >= at_least) {
            return at;
        }
        tokio::task::yield_now().await;
    }
    panic!("the use is not written down");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_known_to_the_minute() {
    let app = guarded().await;
    let token = make(&app, "first", Scope::Read, None).await;
    let began = app.now();
    assert_eq!(status(&app, &token).await, 200);
    assert_eq!(last_use(&app, began).await, began);
    for _ in 0..59 {
        app.clock.advance(TimeDelta::seconds(1));
        assert_eq!(status(&app, &token).await, 200);
    }
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(status(&app, &token).await, 200);
    // Had there been a use written within the minute, it would not be followed by this one.
    let next = began + TimeDelta::minutes(1);
    assert_eq!(last_use(&app, began + TimeDelta::microseconds(1)).await, next);
}

/// Nobody can say whether a key has been revoked, so nobody is let in with it.
#[tokio::test]
async fn without_its_store_the_daemon_lets_nobody_in() {
    let app = guarded().await;
    let token = make(&app, "first", Scope::Read, None).await;
    assert_eq!(status(&app, &token).await, 200);
    app.app.store.close().await;
    assert_eq!(status(&app, &token).await, 200, "for as long as the keys are fresh");
    app.clock.advance(TimeDelta::seconds(1));
    get_with(&app, "/v1/providers", &token).await.problem_of("without a store", 503);
    assert_eq!(get_with(&app, "/livez", &token).await.status, 200);
}

/// With a store that answers nobody, each request would wait for a failure of its own.
#[tokio::test]
async fn keys_that_could_not_be_read_are_not_asked_for_again_at_once() {
    let app = guarded().await;
    let token = make(&app, "first", Scope::Read, None).await;
    let rename = async |from: &str, to: &str| {
        let file = SqliteConnectOptions::new().filename(app.folder.path().join("barkeep.db"));
        let mut connection = file.connect().await.unwrap();
        let rename = format!("alter table {from} rename to {to}");
        connection.execute(AssertSqlSafe(rename)).await.unwrap();
        connection.close().await.unwrap();
    };
    rename("api_key", "hidden").await;
    assert_eq!(status(&app, &token).await, 503);
    rename("hidden", "api_key").await;
    app.clock.advance(TimeDelta::milliseconds(999));
    assert_eq!(status(&app, &token).await, 503, "it was asked a moment ago");
    app.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(status(&app, &token).await, 200);
}

/// `barkeep keys …` on the store of a running daemon.
fn keys(app: &TestApp, arguments: &[&str]) -> Output {
    let settings = HashMap::from([
        ("BARKEEP__STORE__URL", format!("sqlite:{}/barkeep.db", app.folder.path().display())),
        ("BARKEEP__LOG__FILTER", "off".to_owned()),
    ]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command.arg("keys").args(arguments).env_clear().envs(settings).output().unwrap()
}

fn said(output: &Output) -> (bool, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The daemon goes on while this thread waits for the command: it may be at a write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_listed_and_revoked_beside_the_running_daemon() {
    let app = guarded().await;
    let made = keys(&app, &["create", "--name", "ops", "--scope", "operate"]);
    let (is_made, token, about) = said(&made);
    assert!(is_made && token.starts_with("bk_") && token.trim().len() == 46, "{token}{about}");
    let token = token.trim();
    assert_eq!(get_with(&app, "/v1/audit", token).await.status, 200);

    let again = keys(&app, &["create", "--name", "ops", "--scope", "read"]);
    let (is_made, out, about) = said(&again);
    assert!(!is_made && out.is_empty() && about.contains("there is a key ops already"), "{about}");
    let made = keys(&app, &["create", "--name=ro", "--scope=read", "--expires=90d", "--json"]);
    let made: Value = serde_json::from_str(said(&made).1).unwrap();
    assert!(made["token"].as_str().unwrap().starts_with("bk_"));

    let listed = keys(&app, &["list", "--json"]);
    let listed: Value = serde_json::from_str(said(&listed).1).unwrap();
    let state = |name: &str| {
        let key = listed.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap();
        (key["scope"].clone(), key["state"].clone(), key["expires_at"].is_string())
    };
    assert_eq!(state("ops"), ("operate".into(), "valid".into(), false));
    assert_eq!(state("ro"), ("read".into(), "valid".into(), true));
    let table = keys(&app, &["list"]);
    assert_eq!(said(&table).1.lines().count(), 3);
    assert!(!said(&table).1.contains(token) && !listed.to_string().contains(&token[3..]));

    assert!(said(&keys(&app, &["revoke", "ops"])).0);
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(get_with(&app, "/v1/audit", token).await.status, 401);
    let again = keys(&app, &["revoke", "ops"]);
    assert!(said(&again).2.contains("no living key \"ops\""), "{again:?}");

    let admin = make(&app, "admin", Scope::Admin, None).await;
    app.clock.advance(TimeDelta::seconds(1));
    let audit = get_with(&app, "/v1/audit?target=ops", &admin).await.ok();
    let commands: Vec<_> = audit["items"].as_array().unwrap().iter().collect();
    assert_eq!(commands.len(), 2, "{audit:#}");
    assert!(commands.iter().all(|entry| entry["actor"] == "command line"));
    assert!(!audit.to_string().contains(&token[3..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_makes_no_sense_is_not_made() {
    let app = guarded().await;
    for arguments in [
        &["create", "--name", "local", "--scope", "read"][..],
        &["create", "--name", "a b", "--scope", "read"],
        &["create", "--name", "", "--scope", "read"],
        &["create", "--name", "a", "--scope", "root"],
        &["create", "--name", "a", "--scope", "read", "--expires", "soon"],
        &["create", "--name", "a"],
    ] {
        let output = keys(&app, arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
    assert!(app.app.store.api_keys().await.unwrap().is_empty());
}
