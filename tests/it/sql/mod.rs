//! `POST /v1/sql`: what is asked is answered in full, within limits, and changes nothing.

mod answers;
mod functions;
mod guard;
mod past;
mod system;

use serde_json::{Value, json};

use crate::support::test_app::{Answer, TestApp};

async fn ask(app: &TestApp, query: &str) -> Answer {
    app.post("/v1/sql", &json!({ "query": query })).await
}

async fn rows(app: &TestApp, query: &str) -> Vec<Value> {
    let mut answer = ask(app, query).await.ok();
    let Value::Array(rows) = answer["rows"].take() else { panic!("{query}: {answer}") };
    assert_eq!(answer["row_count"], rows.len());
    rows
}

/// The only cell of an answer.
async fn cell(app: &TestApp, query: &str) -> Value {
    let rows = rows(app, query).await;
    assert_eq!(rows.len(), 1, "{query}");
    rows[0].as_object().unwrap().values().next().unwrap().clone()
}

/// Refused for the query, with what is wrong.
async fn refused(app: &TestApp, query: &str) -> String {
    let problem = ask(app, query).await.problem_of(query, 422);
    assert_eq!(problem["field"], "query", "{query}: {problem}");
    problem["detail"].as_str().unwrap().to_owned()
}
