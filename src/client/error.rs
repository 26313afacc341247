//! Why the daemon did not do it: it is not there, it refuses, or it says what nobody understands.

use std::fmt;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// Every way in which a question can go unanswered.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "nobody answers at {server}: {reason}\n  fix: start the daemon, or name another with \
         --server or BARKEEP_SERVER"
    )]
    Unreachable { server: String, reason: String },
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error("{server} does not answer like a Barkeep of this version: {reason}")]
    Unreadable { server: String, reason: String },
    #[error("the answer cannot be written")]
    Unwritten(#[source] std::io::Error),
    /// Nothing was sent.
    #[error("{what}\n  fix: {fix}")]
    Unusable { what: String, fix: &'static str },
}

/// What `application/problem+json` says, or what little else there is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    #[serde(skip)]
    pub status: StatusCode,
    pub code: String,
    pub detail: String,
    pub field: Option<String>,
    pub fix: Option<String>,
    /// What may be done instead.
    pub allowed: Option<Value>,
    #[serde(skip)]
    may_pass: bool,
    #[serde(skip)]
    has_key: bool,
}

/// Of a page that some proxy made, the beginning will do.
const LONGEST_DETAIL: usize = 200;

impl Refusal {
    pub(super) fn read(status: StatusCode, may_pass: bool, has_key: bool, text: &str) -> Self {
        let read: Option<Self> = serde_json::from_str(text).ok();
        let said = read.filter(|refusal| !refusal.detail.is_empty()).unwrap_or_else(|| {
            let beginning: String = text.trim().chars().take(LONGEST_DETAIL).collect();
            let reason = status.canonical_reason().unwrap_or("an unknown status");
            let detail = format!("{} {reason}: {beginning}", status.as_u16());
            Self { detail: detail.trim_end_matches([':', ' ']).to_owned(), ..Self::default() }
        });
        Self { status, may_pass, has_key, ..said }
    }

    fn fix(&self) -> Option<&str> {
        match self.status {
            StatusCode::UNAUTHORIZED if !self.has_key => {
                Some("give a key with --key-file or in BARKEEP_KEY")
            }
            _ => self.fix.as_deref(),
        }
    }
}

impl ClientError {
    /// Whether the same may go well a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(refusal) => {
                refusal.may_pass
                    || matches!(
                        refusal.status,
                        StatusCode::BAD_GATEWAY
                            | StatusCode::SERVICE_UNAVAILABLE
                            | StatusCode::GATEWAY_TIMEOUT
                    )
            }
            Self::Unreadable { .. } | Self::Unwritten(_) | Self::Unusable { .. } => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.detail)?;
        match &self.allowed {
            Some(Value::Array(allowed)) => {
                let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
                write!(f, "\n  allowed: {}", words.join(", "))?;
            }
            Some(Value::String(allowed)) => write!(f, "\n  allowed: {allowed}")?,
            _ => {}
        }
        match self.fix() {
            Some(fix) => write!(f, "\n  fix: {fix}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, text: &str) -> String {
        Refusal::read(StatusCode::from_u16(status).unwrap(), false, false, text).to_string()
    }

    #[test]
    fn a_problem_names_field_and_fix_and_what_is_allowed() {
        let problem = r#"{"type":"about:blank","status":422,"code":"invalid_field","more":1,
            "detail":"end lies in the future","field":"end","fix":"leave it out"}"#;
        assert_eq!(said(422, problem), "end: end lies in the future\n  fix: leave it out");
        let conflict = r#"{"detail":"it has ended","allowed":["retry-failed"],"fix":null}"#;
        assert_eq!(said(409, conflict), "it has ended\n  allowed: retry-failed");
    }

    #[test]
    fn what_is_no_problem_is_told_by_its_status() {
        assert_eq!(said(502, "<html>oh dear</html>\n"), "502 Bad Gateway: <html>oh dear</html>");
        assert_eq!(said(500, ""), "500 Internal Server Error");
        let missing = said(401, "");
        assert!(missing.ends_with("fix: give a key with --key-file or in BARKEEP_KEY"));
        assert!(said(500, &"x".repeat(10_000)).len() < 300);
    }
}
