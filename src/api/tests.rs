//! What a caller gets where a route does not answer by itself.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::header::CONTENT_TYPE,
    response::Response,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{around::in_time, *};

/// The problem that becomes of an answer.
async fn problem_of(answer: impl Future<Output = Response>) -> Value {
    let response = in_time(Duration::from_millis(20), answer).await;
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
    let problem = problem_of(std::future::pending()).await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(504), &json!("timeout")));
    assert!(problem["fix"].is_string());
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_of_the_inside() {
    let problem = problem_of(async { panic!("a secret {}", 42) }).await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(500), &json!("internal")));
}

#[tokio::test]
async fn a_command_is_given_by_whose_key_it_came_with() {
    use axum::extract::FromRequestParts;

    use super::caller::{Caller, Standing};
    use crate::access::Bearer;

    let bearer = Bearer { name: "ops".into(), scope: Scope::Operate };
    for (standing, actor) in [
        (Some(Standing::Bearer(bearer)), "ops"),
        (Some(Standing::Local), "local"),
        (Some(Standing::Stranger(None)), "nobody"),
        (None, "nobody"),
    ] {
        let (mut parts, ()) =
            Request::builder().header(REQUEST_ID, "r-1").body(()).unwrap().into_parts();
        standing.map(|standing| parts.extensions.insert(standing));
        let Ok(Caller(by)) = Caller::from_request_parts(&mut parts, &()).await;
        assert_eq!((&*by.actor, &*by.request), (actor, "r-1"));
    }
}

/// A body that nobody announced the length of is stopped where the limit is.
#[tokio::test]
async fn a_body_that_grows_too_long_is_refused() {
    use axum::routing::post;

    use super::body::Body as Json;

    let routes: Router = Router::new()
        .route("/", post(|_: Json<Value>| async { "read" }))
        .layer(DefaultBodyLimit::max(10));
    let send = async |text: &'static str| {
        let chunks = futures::stream::iter(text.as_bytes().chunks(4).map(Ok::<_, axum::Error>));
        let request = Request::post("/").header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from_stream(chunks)).unwrap();
        let response = routes.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    };
    assert_eq!(send("{\"a\": 123}").await, (200, Value::Null));
    let (status, problem) = send("{\"a\": 1234}").await;
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
}
