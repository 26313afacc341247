//! RFC 9457: every error that the API can give.

use std::fmt;

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::idempotency;
use crate::{
    error::{ErrorClass, chain},
    ingest::IngestError,
    lake::LakeError,
    store::StoreError,
};

/// `application/problem+json`: what is wrong, in which field, and how to mend it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`; `code` tells problems apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The same as that of the answer.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16, minimum = 400, maximum = 599)]
    status: StatusCode,
    /// A stable word for programs.
    code: &'static str,
    /// What is wrong.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    field: Option<Box<str>>,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    fix: Option<Box<str>>,
    /// What may be done instead, where something else was not allowed as things are.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1)]
    allowed: Box<[&'static str]>,
}

impl Problem {
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let detail = detail.into().into_boxed_str();
        let (field, fix, allowed) = (None, None, Box::default());
        Self { kind: "about:blank", title, status, code, detail, field, fix, allowed }
    }

    /// The request is wrong in one field.
    pub fn invalid(field: impl Into<Box<str>>, detail: impl Into<String>, fix: &str) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail);
        Self { field: Some(field.into()), ..problem }.fix(fix)
    }

    pub fn not_found(what: &str, fix: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}")).fix(fix)
    }

    /// The world is not as the request takes it to be.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub fn fix(self, fix: &str) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// The same, with what may be done instead.
    pub fn allowed(self, allowed: &[&'static str]) -> Self {
        Self { allowed: allowed.into(), ..self }
    }

    /// The same, where the field is a part of something.
    pub fn inside(self, field: &str) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn failure(class: ErrorClass, error: &dyn std::error::Error) -> Self {
        let status = match class {
            ErrorClass::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorClass::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorClass::Forbidden => StatusCode::FORBIDDEN,
            ErrorClass::NotFound => StatusCode::NOT_FOUND,
            ErrorClass::Conflict => StatusCode::CONFLICT,
            ErrorClass::Throttled => StatusCode::TOO_MANY_REQUESTS,
            ErrorClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorClass::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        tracing::error!(%status, error = chain(error), "a request failed");
        let detail = match class {
            ErrorClass::Internal => "the log has the details under this request id".to_owned(),
            _ => error.to_string(),
        };
        Self::new(status, class.label(), detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::failure(error.class(), &error)
    }
}

impl From<LakeError> for Problem {
    fn from(error: LakeError) -> Self {
        let detail = error.to_string();
        match error {
            LakeError::NoVersion { newest, .. } => {
                Self::invalid("table_version", detail, &format!("write one from 0 to {newest}"))
            }
            LakeError::VersionGone { .. } => {
                let gone = Self::new(StatusCode::GONE, "version_gone", detail);
                gone.fix("ask for a newer version, or for what was known at a time with as_of")
            }
            LakeError::UnderWay { .. } => {
                Self::conflict("under_way", detail).fix("try again when that has ended")
            }
            LakeError::Differs { .. } => {
                let other =
                    "ask for what is there, as GET /v1/tables/{name} tells it, or use another name";
                Self::conflict("table_differs", detail).fix(other)
            }
            LakeError::OtherRequest { .. } => {
                Self::invalid(idempotency::KEY, detail, idempotency::FIX)
            }
            LakeError::Definition { .. } => {
                let fix = "GET /v1/tables/{name} tells the columns, the key and the partitions";
                Self::invalid("body", detail, fix)
            }
            error => Self::failure(error.class(), &error),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        Self::failure(error.class(), &error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self)).into_response();
        let kind = HeaderValue::from_static(Self::MEDIA_TYPE);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}
