//! `barkeep keys create | list | revoke`

use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::output::say;
use crate::{
    access::Token,
    clock::{Clock, SystemClock},
    config::Config,
    market::{By, Scope},
    store::{ApiKey, AuditEntry, Store, StoreError},
};

/// They are kept in the control store, and a running daemon heeds a change within a second or two.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
    /// The same as JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and print its token. It is shown this once and kept nowhere.
    Create(Create),
    /// List every key there ever was, the newest first.
    List,
    /// Let nobody in with this key any more.
    Revoke {
        /// As `barkeep keys list` shows it.
        name: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// Whose it is; what it does is written into the audit log under this name.
    #[arg(long, value_parser = name)]
    name: String,
    /// read: ask. operate: also have work done. admin: also decide about what is kept.
    #[arg(long)]
    scope: Scope,
    /// For how long it is valid, like 90d; until it is revoked if this is left out.
    #[arg(long, value_parser = humantime::parse_duration)]
    expires: Option<std::time::Duration>,
}

/// A key as it is shown.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    scope: Scope,
    state: &'static str,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl Keys {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let clock = SystemClock::scaled(config.clock.origin, config.clock.speed);
        let store = Store::visit(&config.store_url).await?;
        let outcome = match &self.command {
            Command::Create(create) => create.run(&store, clock.now(), self.json).await,
            Command::List => list(&store, clock.now(), self.json).await,
            Command::Revoke { name } => revoke(&store, name, clock.now(), self.json).await,
        };
        store.close().await;
        outcome.map(|()| ExitCode::SUCCESS)
    }
}

impl Create {
    async fn run(&self, store: &Store, now: DateTime<Utc>, json: bool) -> anyhow::Result<()> {
        let token = Token::generate()?;
        let length = self.expires.map(TimeDelta::from_std).transpose()?;
        let expires_at = length.map(|length| now.checked_add_signed(length));
        let expires_at = match expires_at {
            Some(None) => anyhow::bail!("--expires is too far away; write something like 90d"),
            Some(at) => at,
            None => None,
        };
        let key = ApiKey {
            id: format!("key_{}", Uuid::now_v7().simple()),
            name: self.name.clone(),
            hash: token.hash(),
            scope: self.scope,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let detail = json!({ "scope": key.scope, "expires_at": key.expires_at });
        let entry = AuditEntry::new(now, &by(), "key.create", &key.name, detail);
        match store.add_api_key(&key, &entry).await {
            Err(StoreError::MovedOn { .. }) => anyhow::bail!(
                "there is a key {name} already; choose another name, or first `barkeep keys revoke \
                 {name}`",
                name = self.name
            ),
            outcome => outcome?,
        }
        let token = token.secret().expose_secret();
        if json {
            let mut shown = json!(shown(&key, now));
            shown["token"] = token.into();
            say(&format!("{shown:#}"))?;
        } else {
            say(token)?;
            eprintln!("this is the token of {}; it is not shown again", key.name);
        }
        Ok(())
    }
}

async fn list(store: &Store, now: DateTime<Utc>, json: bool) -> anyhow::Result<()> {
    let keys = store.api_keys().await?;
    if json {
        let keys: Vec<_> = keys.iter().map(|key| shown(key, now)).collect();
        say(&serde_json::to_string_pretty(&keys)?)?;
        return Ok(());
    }
    let mut lines = vec![format!(
        "{:24} {:8} {:8} {:20} {:20} LAST USED",
        "NAME", "SCOPE", "STATE", "CREATED", "EXPIRES"
    )];
    let second = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for key in &keys {
        let Shown { name, scope, state, .. } = shown(key, now);
        let created = second(key.created_at);
        let expires = key.expires_at.map_or("never".to_owned(), second);
        let used = key.last_used_at.map_or("never".to_owned(), second);
        let scope = scope.as_str();
        lines.push(format!("{name:24} {scope:8} {state:8} {created:20} {expires:20} {used}"));
    }
    Ok(say(&lines.join("\n"))?)
}

async fn revoke(store: &Store, name: &str, now: DateTime<Utc>, json: bool) -> anyhow::Result<()> {
    let entry = AuditEntry::new(now, &by(), "key.revoke", &name, json!({}));
    match store.revoke_api_key(name, now, &entry).await {
        Err(StoreError::MovedOn { .. }) => {
            anyhow::bail!("there is no living key {name:?}; `barkeep keys list` shows them")
        }
        outcome => outcome?,
    }
    let revoked = json!({ "name": name, "revoked_at": now });
    Ok(say(&if json { format!("{revoked:#}") } else { format!("{name} is revoked") })?)
}

fn shown(key: &ApiKey, now: DateTime<Utc>) -> Shown<'_> {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        (None, _) => "valid",
    };
    let ApiKey { name, scope, created_at, expires_at, revoked_at, last_used_at, .. } = key;
    Shown {
        name,
        scope: *scope,
        state,
        created_at: *created_at,
        expires_at: *expires_at,
        revoked_at: *revoked_at,
        last_used_at: *last_used_at,
    }
}

fn by() -> By {
    By { actor: "command line".to_owned(), request: String::new() }
}

/// Names that the audit log gives to others would mislead whoever reads it.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name = (1..=64).contains(&text.len()) && text.chars().all(is_plain);
    if is_name && !matches!(text, "local" | "nobody" | "schedule") {
        return Ok(text.to_owned());
    }
    let fix = "write up to 64 letters, digits, dots, hyphens and underscores";
    Err(format!("{fix}, and not local, nobody or schedule"))
}
