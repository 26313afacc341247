//! What stands before a group of routes: the scope that its callers need.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use utoipa_axum::router::OpenApiRouter;

use super::{Problem, caller::Standing, openapi};
use crate::{app::App, market::Scope};

/// The routes for those who have the scope; the document says so too.
pub(super) fn guarded(
    needed: Scope,
    mut routes: OpenApiRouter<Arc<App>>,
) -> OpenApiRouter<Arc<App>> {
    openapi::require(routes.get_openapi_mut(), needed);
    routes.route_layer(middleware::from_fn_with_state(needed, check))
}

async fn check(State(needed): State<Scope>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Standing>() {
        Some(Standing::Local) => {}
        Some(Standing::Bearer(bearer)) if bearer.scope >= needed => {}
        Some(Standing::Bearer(bearer)) => return forbidden(&bearer.name, bearer.scope, needed),
        Some(Standing::Stranger(Some(wrong))) => return unauthenticated(wrong),
        Some(Standing::Unknown) => return undecided().into_response(),
        Some(Standing::Stranger(None)) | None => {
            return answer(no_key(), "Bearer realm=\"barkeep\"");
        }
    }
    next.run(request).await
}

const HOW: &str = "send the header Authorization: Bearer bk_…; `barkeep keys create` makes a key";

/// The problem of whoever comes without a key.
pub(super) fn no_key() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "no API key is given").fix(HOW)
}

fn unauthenticated(wrong: &str) -> Response {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", wrong).fix(HOW);
    answer(problem, "Bearer realm=\"barkeep\", error=\"invalid_token\"")
}

fn forbidden(name: &str, scope: Scope, needed: Scope) -> Response {
    let challenge =
        format!("Bearer realm=\"barkeep\", error=\"insufficient_scope\", scope=\"{needed}\"");
    answer(insufficient(name, scope, needed), &challenge)
}

/// The problem of a key that may do less than what is asked for.
pub(super) fn insufficient(name: &str, scope: Scope, needed: Scope) -> Problem {
    let detail = format!("this needs a key with scope {needed}; {name} has scope {scope}");
    let fix = format!("use a key that was made with `barkeep keys create --scope {needed}`");
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).fix(&fix)
}

fn undecided() -> Problem {
    let detail = "the control store does not answer, so nobody knows whose key this is";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).fix("try again")
}

fn answer(problem: Problem, challenge: &str) -> Response {
    let mut response = problem.into_response();
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::access::Bearer;

    async fn status(needed: Scope, standing: Option<Standing>) -> u16 {
        let routes: Router = Router::new().route("/", get(|| async { "in" }));
        let routes = routes.route_layer(middleware::from_fn_with_state(needed, check));
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        standing.map(|standing| request.extensions_mut().insert(standing));
        routes.oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn whoever_has_no_standing_is_not_let_in() {
        let bearer = |scope| Some(Standing::Bearer(Bearer { name: "ops".into(), scope }));
        for (standing, expected) in [
            // A route that no gate stands before is closed.
            (None, 401),
            (Some(Standing::Stranger(None)), 401),
            (Some(Standing::Stranger(Some("wrong".to_owned()))), 401),
            (Some(Standing::Unknown), 503),
            (bearer(Scope::Read), 403),
            (bearer(Scope::Operate), 200),
            (bearer(Scope::Admin), 200),
            (Some(Standing::Local), 200),
        ] {
            assert_eq!(status(Scope::Operate, standing.clone()).await, expected, "{standing:?}");
        }
    }
}
