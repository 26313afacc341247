//! What the document says of keys: how they are sent, and what scope an operation needs.

use utoipa::openapi::{
    OpenApi, PathItem,
    path::Operation,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use super::{
    super::guard,
    problems::{Responses, one},
};
use crate::market::Scope;

/// The name of the scheme.
pub(super) const KEY: &str = "key";

const ABOUT: &str = "An API key with the scope that the operation names, or one above it: read, \
    operate, admin. `barkeep keys create` makes one. Where auth.mode is none, no key is needed.";

pub(super) fn scheme() -> SecurityScheme {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("bk_…");
    SecurityScheme::Http(bearer.description(Some(ABOUT)).build())
}

/// Says of every operation in the document that it needs a key of that scope.
pub(in crate::api) fn require(document: &mut OpenApi, scope: Scope) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.security = Some(vec![SecurityRequirement::new(KEY, [scope.as_str()])]);
        operation.responses.responses.extend(refusals(scope));
    }
}

/// Every operation of a path, whatever its method.
pub(super) fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = path;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

/// Every valid key may read, so only the other scopes can be lacking.
fn refusals(needed: Scope) -> Responses {
    let mut refusals =
        one("A key is needed and there is none, or it is not valid.", &guard::no_key());
    if needed > Scope::Read {
        let forbidden = guard::insufficient("grafana", Scope::Read, needed);
        refusals.append(&mut one("The key's scope is not enough.", &forbidden));
    }
    refusals
}
