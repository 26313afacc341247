//! An answer of the control plane, and what every refusal must look like.

use axum::{
    body::to_bytes,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Null where the body is no JSON.
    pub(crate) json: Value,
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 26).await.unwrap().to_vec();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Self { status: parts.status, headers: parts.headers, body, json }
    }

    /// A header's text, empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON of a successful answer.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/json");
        self.json
    }

    /// The problem of a refused request; it says what is wrong and what would be right.
    pub(crate) fn problem_of(self, asked: &str, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{asked}: {text}");
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/problem+json", "{asked}");
        assert_eq!(self.json["status"], status, "{asked}");
        for member in ["type", "title", "code", "detail", "fix"] {
            let said = self.json[member].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{asked}: {member} is empty: {text}");
        }
        self.json
    }
}
