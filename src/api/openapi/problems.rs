//! The refusals that routes have in common, each with a problem as it is really given.

use std::{collections::BTreeMap, time::Duration};

use axum::http::StatusCode;
use serde_json::json;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

use super::super::{
    Problem,
    around::too_slow,
    body::{not_json, too_large, too_slow as body_too_slow},
    failed,
    format::not_acceptable,
    gate,
};
use crate::lake::LakeError;

pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

/// 422: the request is wrong in one field.
pub(in crate::api) enum Refused {}

/// 404: what is asked for by its name is not there.
pub(in crate::api) enum NotFound {}

/// 406: not in a form that the caller takes.
pub(in crate::api) enum NotAcceptable {}

/// 410: it was there once.
pub(in crate::api) enum Gone {}

/// 409: the world is not as the request takes it to be.
pub(in crate::api) enum Conflicting {}

/// 409: it is being done already.
pub(in crate::api) enum UnderWay {}

/// 304: what the caller has still holds.
pub(in crate::api) enum NotModified {}

/// 503: the store, the lake or the daemon is not there at present.
pub(in crate::api) enum Unavailable {}

/// 408, 413 and 415: what any route with a body may refuse.
pub(super) enum Unread {}

/// 421, 429, 500 and 504: what any route may come to.
pub(super) enum Whatever {}

impl IntoResponses for Refused {
    fn responses() -> Responses {
        let detail = "limit \"0\" is out of range or no number";
        let example = Problem::invalid("limit", detail, "write a whole number from 1 to 1000");
        one("A parameter is unknown, missing or makes no sense; `field` names it.", &example)
    }
}

impl IntoResponses for NotFound {
    fn responses() -> Responses {
        let example = Problem::not_found("series coinbase/SOLUSD/1m", "GET /v1/series lists them");
        one("There is nothing by that name.", &example)
    }
}

impl IntoResponses for NotAcceptable {
    fn responses() -> Responses {
        one("There is no such form of it.", &not_acceptable())
    }
}

impl IntoResponses for Gone {
    fn responses() -> Responses {
        let error = LakeError::VersionGone { table: "raw_market_data_1m".to_owned(), version: 3 };
        one("That version of the table can no longer be read.", &error.into())
    }
}

impl IntoResponses for Conflicting {
    fn responses() -> Responses {
        let detail = "a backfill that is completed_with_errors cannot be asked to pause";
        let example = Problem::conflict("illegal_transition", detail)
            .fix("what can be done with it: retry-failed")
            .allowed(&["retry-failed"]);
        one("It cannot be done as things are; `fix` says what can.", &example)
    }
}

impl IntoResponses for UnderWay {
    fn responses() -> Responses {
        let error = LakeError::UnderWay { table: "raw_market_data_1m".to_owned() };
        one("Files of the table are being merged or removed already.", &error.into())
    }
}

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        let said = "The answer of which `If-None-Match` gives the `ETag` still holds.";
        let response = ResponseBuilder::new().description(said).build();
        [("304".to_owned(), response.into())].into()
    }
}

impl IntoResponses for Unavailable {
    fn responses() -> Responses {
        let detail = "the control store does not answer";
        let example = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        one(
            "The store or the lake does not answer, or the daemon is stopping; try again.",
            &example,
        )
    }
}

impl Whatever {
    pub(super) fn responses_of_all() -> Responses {
        let mut all = one("Our own fault; the log has the details.", &failed());
        all.append(&mut one("The caller asks more than it may.", &gate::too_many(2_000)));
        let host = gate::unknown_host("bars.example");
        all.append(&mut one("The request is meant for another machine.", &host));
        all.append(&mut one("The answer took too long.", &too_slow(Duration::from_secs(30))));
        all
    }
}

impl Unread {
    pub(super) fn responses_of_all() -> Responses {
        let mut all = one("The body is not said to be JSON.", &not_json());
        all.append(&mut one(
            "The body did not arrive in time.",
            &body_too_slow(Duration::from_secs(10)),
        ));
        all.append(&mut one("The body is too large.", &too_large("length limit exceeded")));
        all
    }
}

pub(super) fn one(description: &str, example: &Problem) -> Responses {
    let content = Content::builder()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .example(Some(json!(example)))
        .build();
    let response =
        ResponseBuilder::new().description(description).content(Problem::MEDIA_TYPE, content);
    BTreeMap::from([(example.status().as_str().to_owned(), response.build().into())])
}
