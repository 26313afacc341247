//! Every route that there is with every kind of key that there is.

use std::collections::BTreeSet;

use axum::http::{Method, Request, header::AUTHORIZATION};
use barkeep::market::Scope;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{guarded, make, revoke};

/// What needs no key. A route that comes to this list has been thought about.
const OPEN: [&str; 6] = ["/docs", "/docs/models", "/livez", "/openapi.json", "/readyz", "/version"];

/// Method, path and operation of everything in the document.
fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Ok(method) = method.to_uppercase().parse()
                && operation["responses"].is_object()
            {
                found.push((method, path.clone(), operation));
            }
        }
    }
    found
}

/// A path with something in the place of each of its parameters.
fn filled(path: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after.split_once('}').unwrap();
        filled = format!("{filled}{before}none");
        rest = after;
    }
    filled + rest
}

#[tokio::test]
async fn every_route_lets_in_whom_the_document_says_and_nobody_else() {
    let app = guarded().await;
    let expired = make(&app, "old", Scope::Admin, Some(app.now() - TimeDelta::seconds(1))).await;
    let revoked = make(&app, "gone", Scope::Admin, None).await;
    revoke(&app, "gone").await;
    let mut callers = vec![
        (None, String::new()),
        (None, "Bearer".to_owned()),
        (None, "Basic YWRtaW46YWRtaW4=".to_owned()),
        (None, "Bearer bk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        (None, format!("Bearer {expired}")),
        (None, format!("Bearer {revoked}")),
    ];
    for scope in Scope::ALL {
        let token = make(&app, scope.as_str(), scope, None).await;
        callers.push((Some(scope), format!("Bearer {token}")));
    }
    let document = json!(barkeep::api::document());
    let mut open = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let needed = &operation["security"][0]["key"][0];
        let needed: Option<Scope> = needed.as_str().map(|scope| scope.parse().unwrap());
        match needed {
            None => _ = open.insert(path.clone()),
            Some(needed) => _ = seen.insert(needed.as_str()),
        }
        for (has, authorization) in &callers {
            let asked = format!("{method} {path} as {has:?} {authorization:.14}");
            let request = Request::builder().method(method.clone()).uri(filled(&path));
            let request = match authorization.as_str() {
                "" => request,
                text => request.header(AUTHORIZATION, text),
            };
            let answer = app.send(request).await;
            let challenge = answer.header("www-authenticate").to_owned();
            match needed {
                Some(needed) if has.is_none_or(|has| has < needed) => {
                    let status = if has.is_none() { 401 } else { 403 };
                    let problem = answer.problem_of(&asked, status);
                    assert!(challenge.starts_with("Bearer "), "{asked}: {challenge}");
                    let said = problem.to_string() + &challenge;
                    assert!(has.is_none() || said.contains(needed.as_str()), "{asked}: {said}");
                    let tells = authorization
                        .split_once("bk_")
                        .is_some_and(|(_, secret)| problem.to_string().contains(&secret[..8]));
                    assert!(!tells, "{asked}: {problem}");
                }
                _ => {
                    let status = answer.status.as_u16();
                    assert!(![401, 403].contains(&status), "{asked}: {status} {}", answer.text());
                    assert_eq!(challenge, "", "{asked}");
                }
            }
        }
    }
    assert_eq!(open, OPEN.map(str::to_owned).into());
    assert_eq!(seen, BTreeSet::from(["admin", "operate", "read"]));
}

/// HEAD is what GET is, and other methods and paths tell a stranger nothing but that.
#[tokio::test]
async fn there_is_no_way_around_the_guard() {
    let app = guarded().await;
    for (method, path, statuses) in [
        (Method::HEAD, "/v1/series", &[401][..]),
        (Method::GET, "/v1/series/", &[404]),
        (Method::GET, "//v1/series", &[404]),
        (Method::GET, "/V1/series", &[404]),
        (Method::GET, "/v1/%73eries", &[401, 404]),
        (Method::GET, "/livez/../v1/series", &[404]),
        (Method::GET, "/v1/config?key=bk_1", &[401]),
        (Method::OPTIONS, "/v1/series", &[401, 405]),
        (Method::DELETE, "/v1/series", &[401, 405]),
    ] {
        let answer = app.send(Request::builder().method(method.clone()).uri(path)).await;
        let status = answer.status.as_u16();
        assert!(statuses.contains(&status), "{method} {path}: {status} {}", answer.text());
    }
}
