//! The commands that ask a daemon, against a daemon that says what a test tells it to.

mod backfill;
mod commands;
mod diff;
mod letters;
mod query;
mod refusals;
mod reins;
mod tables;

use std::{
    collections::HashMap,
    fmt::Write,
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use futures::stream;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::cli::Desk;

/// What was asked.
#[derive(Debug, Clone)]
struct Seen {
    /// Like `POST /v1/backfills`, with the query.
    what: String,
    headers: HeaderMap,
    body: Value,
}

/// A daemon without a lake.
struct Stub {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
    server: JoinHandle<()>,
}

/// What a route answers, time after time; the last one stays.
type Routes = HashMap<String, Vec<(u16, Value)>>;

/// A status for an answer that breaks off.
const LOST: u16 = 0;

impl Stub {
    async fn answering<const N: usize>(routes: [(&str, u16, Value); N]) -> Self {
        let mut table = Routes::new();
        for (what, status, answer) in routes {
            table.entry(what.to_owned()).or_default().push((status, answer));
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let (table, log) = (Arc::new(table), seen.clone());
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let what = format!("{method} {uri}");
            let route = format!("{method} {}", uri.path());
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let mut log = log.lock().unwrap();
            let asked: Vec<&Seen> = log
                .iter()
                .filter(|one: &&Seen| one.what.split('?').next() == Some(&route))
                .collect();
            let answer = answer(&table, &route, asked.len());
            log.push(Seen { what, headers, body });
            counted.send_replace(log.len());
            async move { answer }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let anything = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, anything).await.unwrap() });
        Self { address, seen, count, server }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Methods and paths, in order.
    fn asked(&self) -> Vec<String> {
        self.seen().into_iter().map(|one| one.what).collect()
    }

    /// What came with the last question of that kind.
    fn body(&self, what: &str) -> Value {
        let of_kind = self.seen().into_iter().rfind(|one| one.what == what);
        of_kind.unwrap_or_else(|| panic!("nobody asked {what}: {:?}", self.asked())).body
    }

    /// Until so much was asked.
    async fn asked_times(&self, times: usize) {
        self.count.clone().wait_for(|count| *count >= times).await.unwrap();
    }

    /// Runs a command, and what it says without what differs between runs.
    fn run(&self, desk: &Desk, words: &str) -> Said {
        let output = self.command(desk, words).output().unwrap();
        Said::of(&output).without(&self.address)
    }

    fn command(&self, desk: &Desk, words: &str) -> std::process::Command {
        let mut command = desk.command(&words.split(' ').collect::<Vec<_>>());
        command.env("BARKEEP_SERVER", format!("http://{}", self.address));
        command
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn answer(table: &Routes, route: &str, times: usize) -> Response<Body> {
    let unknown = vec![(404, json!({ "code": "unknown_route", "detail": format!("no {route}") }))];
    let answers = table.get(route).unwrap_or(&unknown);
    let (status, value) = answers.get(times).or(answers.last()).unwrap();
    if *status == LOST {
        let broken = stream::iter([Ok("{\"back"), Err(io::Error::other("lost"))]);
        return Response::new(Body::from_stream(broken));
    }
    let status = StatusCode::from_u16(*status).unwrap();
    Response::builder().status(status).body(Body::from(value.to_string())).unwrap()
}

/// How a command ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn without(self, address: &str) -> Self {
        let (out, err) =
            (self.out.replace(address, "[server]"), self.err.replace(address, "[server]"));
        Self { out, err, ..self }
    }

    /// For snapshots.
    fn whole(&self) -> String {
        let mut text = format!("exit {}\n", self.code);
        write!(text, "--- out\n{}--- err\n{}", self.out, self.err).unwrap();
        text
    }
}

/// A backfill as the API shows it, and something more than is known here.
fn backfill(state: &str, done: i64, failed: i64) -> Value {
    json!({
        "backfill_id": "bf_1", "kind": "backfill", "state": state, "new": { "in": "later" },
        "created_at": "2024-03-06T12:00:00Z", "created_by": "ops",
        "started_at": "2024-03-06T12:00:01Z", "ended_at": null,
        "assets": ["BTCUSD"], "timeframes": ["1h"],
        "start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z",
        "provider": null, "priority": "normal", "order": "oldest_first", "reprocess": "missing",
        "reason": null,
        "progress": {
            "chunks_total": 4, "chunks_done": done, "chunks_failed": failed, "chunks_running": 0,
            "chunks_waiting": 4 - done - failed, "chunks_cancelled": 0,
            "candles_landed": done * 300, "requests_planned": 4, "requests_made": done + failed,
            "share": 0.25 * f64::from(i32::try_from(done + failed).unwrap()), "eta_seconds": null,
        },
    })
}

/// A plan of four chunks; `conflicts` are what other backfills have in work.
fn plan(conflicts: &Value) -> Value {
    json!({
        "plan_id": "pl_1", "expires_at": "2024-03-06T13:00:00Z",
        "start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z",
        "units": [{
            "series": "coinbase/BTCUSD/1h", "start": "2024-01-01T00:00:00Z",
            "end": "2024-02-01T00:00:00Z", "chunks": 4, "candles_wanted": 1200,
            "candles_final_skipped": 24, "requests": 4,
        }],
        "providers": [{
            "provider": "coinbase", "requests": 4,
            "shares": [{ "limit": "10/s", "share": 0.4 }], "eta_seconds": null,
        }],
        "chunks": 4, "requests": 4, "candles_expected": 1200, "candles_skipped": 24,
        "eta_seconds": null, "conflicts": conflicts,
    })
}
