//! Who asked for something.

/// Whoever gives a command, and the request in which it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The name of an API key, `local` where none is needed, or `command line`.
    pub actor: String,
    /// As in `x-request-id` and the log; empty outside of a request.
    pub request: String,
}
