//! How a command ends that asked a daemon: its exit code, and what is refused before anything is sent.

use std::process::ExitCode;

use reqwest::StatusCode;

use crate::{client::ClientError, error::ErrorClass, files::FileError};

/// For the end of `barkeep --help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
    0  it is done
    1  something failed, such as chunks of a backfill, or differs, or was not confirmed
    2  bad usage, or input that was refused
    3  the daemon cannot be reached, or does not allow it
    4  a conflict: something is not in a state in which this can be done
  130  watching was ended with Ctrl-C; what was watched goes on";

/// Watching was ended, as a shell tells it.
pub(super) const INTERRUPTED: u8 = 130;

/// Bad usage that only shows when everything is put together; nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n  fix: {fix}")]
pub(super) struct Unfit {
    what: String,
    fix: String,
}

/// A conflict that the command found out itself.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n  fix: {fix}")]
pub(super) struct Conflict {
    what: String,
    fix: String,
}

pub(super) fn unfit(what: impl Into<String>, fix: impl Into<String>) -> anyhow::Error {
    Unfit { what: what.into(), fix: fix.into() }.into()
}

pub(super) fn conflict(what: impl Into<String>, fix: impl Into<String>) -> anyhow::Error {
    Conflict { what: what.into(), fix: fix.into() }.into()
}

/// Says what went wrong, and how badly.
pub(super) fn outcome(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        code(&error).into()
    })
}

fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Unfit>() {
        return 2;
    }
    if error.is::<Conflict>() {
        return 4;
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return if matches!(error.class(), ErrorClass::Internal) { 1 } else { 2 };
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unusable { .. }) => 2,
        Some(ClientError::Unreachable { .. }) => 3,
        Some(ClientError::Refused(refusal)) => of_status(refusal.status),
        Some(ClientError::Unreadable { .. } | ClientError::Unwritten(_)) | None => 1,
    }
}

fn of_status(status: StatusCode) -> u8 {
    match status.as_u16() {
        400 | 404 | 405 | 413 | 415 | 422 => 2,
        401 | 403 | 502 | 503 | 504 => 3,
        409 | 412 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_exit_code() {
        for (status, expected) in
            [(404, 2), (422, 2), (401, 3), (403, 3), (503, 3), (409, 4), (429, 1), (500, 1)]
        {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        assert_eq!(code(&unfit("a", "b").context("around")), 2);
        assert_eq!(code(&conflict("a", "b")), 4);
        assert_eq!(code(&FileError::Missing { path: "a".into() }.into()), 2);
        assert_eq!(code(&anyhow::anyhow!("whatever")), 1);
    }
}
