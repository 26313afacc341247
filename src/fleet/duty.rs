//! What replicas share out among themselves.

use std::fmt;

use crate::{market::ProviderId, store::duty_of};

/// Work that one replica does for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Everything that asks a provider, or follows from its answers: so its budget has one spender,
    /// and its series have one writer.
    Provider(ProviderId),
    /// The maintenance of the lake: compaction.
    Lake,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(provider) => f.write_str(&duty_of(provider)),
            Self::Lake => f.write_str("lake"),
        }
    }
}
