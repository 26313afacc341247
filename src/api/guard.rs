//! What stands before a group of routes: the scope that its callers need.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use futures::future::Either;
use tower::{Service, layer::layer_fn};
use utoipa_axum::router::OpenApiRouter;

use super::{Problem, caller::Standing, openapi};
use crate::{app::App, market::Scope};

/// The routes for those who have the scope; the document says so too.
pub(super) fn guarded(
    needed: Scope,
    mut routes: OpenApiRouter<Arc<App>>,
) -> OpenApiRouter<Arc<App>> {
    openapi::require(routes.get_openapi_mut(), needed);
    routes.route_layer(layer_fn(move |inner| Guarded { needed, inner }))
}

/// Lets those through who have the scope. A service of its own, since what `middleware::from_fn`
/// makes is boxed for every request.
#[derive(Debug, Clone)]
struct Guarded<S> {
    needed: Scope,
    inner: S,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match refusal(self.needed, request.extensions().get::<Standing>()) {
            None => Either::Left(self.inner.call(request)),
            Some(refusal) => Either::Right(ready(Ok(refusal))),
        }
    }
}

/// The answer to whoever may not; none to whoever may.
pub(super) fn refusal(needed: Scope, standing: Option<&Standing>) -> Option<Response> {
    Some(match standing {
        Some(Standing::Local) => return None,
        Some(Standing::Bearer(bearer)) if bearer.scope >= needed => return None,
        Some(Standing::Bearer(bearer)) => forbidden(&bearer.name, bearer.scope, needed),
        Some(Standing::Stranger(Some(wrong))) => unauthenticated(wrong),
        Some(Standing::Unknown) => undecided().into_response(),
        // A route that no gate stands before is closed.
        Some(Standing::Stranger(None)) | None => answer(no_key(), "Bearer realm=\"barkeep\""),
    })
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
    use super::*;
    use crate::access::Bearer;

    #[test]
    fn whoever_has_no_standing_is_not_let_in() {
        let bearer = |scope| Some(Standing::Bearer(Bearer { name: "ops".into(), scope }));
        for (standing, expected) in [
            (None, 401),
            (Some(Standing::Stranger(None)), 401),
            (Some(Standing::Stranger(Some("wrong".to_owned()))), 401),
            (Some(Standing::Unknown), 503),
            (bearer(Scope::Read), 403),
            (bearer(Scope::Operate), 200),
            (bearer(Scope::Admin), 200),
            (Some(Standing::Local), 200),
        ] {
            let refusal = refusal(Scope::Operate, standing.as_ref());
            let status = refusal.map_or(200, |response| response.status().as_u16());
            assert_eq!(status, expected, "{standing:?}");
        }
    }
}
