//! What a caller gets where a route does not answer by itself.

use axum::{
    body::{Body, to_bytes},
    http::header::CONTENT_TYPE,
    routing::get,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

/// The problem that becomes of a route, and its content type.
async fn problem_of(path: &str) -> Value {
    let routes: Router = Router::new()
        .route("/slow", get(std::future::pending::<()>))
        .route("/panics", get(|| async { panic!("a secret {}", 42) as () }));
    let request = Request::get(path).body(Body::empty()).unwrap();
    let guarded = guarded(routes, Duration::from_millis(20));
    let response = guarded.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], status);
    assert!(!problem.to_string().contains("secret"), "{problem}");
    problem
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_problem() {
    let problem = problem_of("/slow").await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(504), &json!("timeout")));
    assert!(problem["fix"].is_string());
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_of_the_inside() {
    let problem = problem_of("/panics").await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(500), &json!("internal")));
}
