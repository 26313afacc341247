//! What is kept, decided while the daemon runs; and what happens by itself, held up or asked for.

mod assets;
mod decisions;
mod replicas;
mod schedules;

use std::time::Duration;

use axum::http::Request;
use barkeep::{app::App, config::Config, jobs::JobSpec, providers::Lane};
use futures::FutureExt;
use serde_json::Value;

use crate::support::test_app::TestApp;

/// Status and answer of a command.
async fn ask(app: &TestApp, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = app.command(Request::builder().method(method).uri(path), body).await;
    (answer.status.as_u16(), answer.json)
}

/// The answer of a command that is done.
async fn command(app: &TestApp, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(app, method, path, body).await;
    assert_eq!(status, 200, "{method} {path}: {answer}");
    answer
}

/// The same daemon after a restart with other settings.
async fn restart_with(app: TestApp, change: impl FnOnce(&mut Config)) -> TestApp {
    let TestApp { app, clock, exchange, folder } = app;
    let mut config = app.config.clone();
    change(&mut config);
    app.store.close().await;
    drop(app);
    let app = App::start_with_clock(config, clock.clone()).await.unwrap();
    TestApp { app, clock, exchange, folder }
}

/// Everything that waits in the queue, which is empty afterwards.
fn take_queued(app: &TestApp) -> Vec<JobSpec> {
    let mut jobs = Vec::new();
    for lane in Lane::ALL {
        while let Some(job) = app.app.queue.next(lane).now_or_never() {
            app.app.queue.ended(&job);
            jobs.push(job);
        }
    }
    jobs
}

fn poll(series: &str) -> JobSpec {
    JobSpec::Poll(series.parse().unwrap())
}

fn fill(series: &str) -> JobSpec {
    JobSpec::Fill(series.parse().unwrap())
}

/// The one item of a list with that value.
async fn item(app: &TestApp, path: &str, key: &str, value: &str) -> Option<Value> {
    let answer = app.get(path).await.ok();
    let items = answer["items"].as_array().unwrap().clone();
    items.into_iter().find(|item| item[key] == value)
}

/// Lets what runs beside the test go on until it has come to that.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), wait).await;
    assert!(in_time.is_ok(), "this has not come about: {what}");
}

/// The values of a metric, added up.
async fn metric(app: &TestApp, name: &str) -> f64 {
    let text = app.get("/metrics").await.text().to_owned();
    let values = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    values.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}
