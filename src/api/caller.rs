//! Who asks, as the gate found out and as handlers get to know it.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::REQUEST_ID;
use crate::{access::Bearer, market::By};

/// Whose request it is. The gate puts one into every request.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// Nobody is asked for a key here.
    Local,
    /// The holder of a key.
    Bearer(Bearer),
    /// Somebody without a key that opens anything: what is wrong with it, if there is one.
    Stranger(Option<String>),
    /// The store does not say whose key it is.
    Unknown,
}

/// The one on whose behalf a handler acts; it goes into the audit log.
#[derive(Debug)]
pub(super) struct Caller(pub(super) By);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let request = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let request = request.unwrap_or_default().to_owned();
        let actor = match parts.extensions.get::<Standing>() {
            Some(Standing::Bearer(bearer)) => bearer.name.to_string(),
            Some(Standing::Local) => "local".to_owned(),
            _ => "nobody".to_owned(),
        };
        Ok(Self(By { actor, request }))
    }
}
