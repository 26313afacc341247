//! Who gives a command, as handlers get to know it.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::REQUEST_ID;
use crate::market::By;

/// The one on whose behalf a handler acts; it goes into the audit log.
#[derive(Debug)]
pub(super) struct Caller(pub(super) By);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let request = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let request = request.unwrap_or_default().to_owned();
        Ok(Self(By { actor: "local".to_owned(), request }))
    }
}
