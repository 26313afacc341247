//! What stands before the routes: a question about freshness whose answer is at hand is answered here.
//!
//! To whoever trades it is one question, many times a second. It takes what every request takes (the
//! gate, the scope, an id, a count), without the way through router and layers.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderValue, Method,
        header::{ACCEPT_ENCODING, VARY},
    },
    response::Response,
    routing::future::RouteFuture,
};
use futures::future::Either;
use tower::Service;

use super::{around, freshness, gate, guard, tagged};
use crate::{app::App, market::Scope};

/// The whole control plane.
#[derive(Clone)]
pub struct Front {
    pub(super) app: Arc<App>,
    pub(super) routes: Router,
}

impl Front {
    /// The answer, if it need not be worked out and its caller is known; to one who may not have it,
    /// that. It never counts against the caller a request that is passed on.
    fn at_hand(&self, request: &mut Request) -> Option<Response> {
        let is_for_us = request.method() == Method::GET
            && request.uri().path() == freshness::PATH
            && !request.headers().contains_key(ACCEPT_ENCODING);
        if !is_for_us {
            return None;
        }
        let began = Instant::now();
        let answer = freshness::at_hand(&self.app, request.uri())?;
        let mut response = match gate::admitted_at_once(&self.app, request)? {
            Ok(standing) => guard::refusal(Scope::Read, Some(&standing))
                .unwrap_or_else(|| tagged::respond(answer, request.headers())),
            Err(refused) => refused,
        };
        let id = around::name(request);
        response.headers_mut().insert(around::REQUEST_ID, id);
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
        around::count(&self.app, freshness::PATH, began.elapsed(), response.status());
        Some(response)
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.at_hand(&mut request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.routes.call(request)),
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("routes", &self.routes).finish_non_exhaustive()
    }
}
