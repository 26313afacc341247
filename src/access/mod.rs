//! Who may ask: API keys and their scopes, names of hosts, and how much one caller may ask for.

mod hosts;
mod keyring;
mod limiter;
mod token;

use std::sync::Arc;

pub use self::{
    hosts::Hosts,
    keyring::{Bearer, Keyring, Refusal},
    limiter::{Limiter, Turn},
    token::Token,
};
use crate::{clock::Clock, config::ServerConfig, lifecycle::Lifecycle, store::Store};

/// What the control plane asks before it answers.
#[derive(Debug)]
pub struct Access {
    pub keyring: Keyring,
    pub hosts: Hosts,
    pub limiter: Limiter,
}

impl Access {
    pub fn new(
        store: &Store,
        clock: &Arc<dyn Clock>,
        lifecycle: &Lifecycle,
        server: &ServerConfig,
    ) -> Self {
        Self {
            keyring: Keyring::new(store, clock, lifecycle),
            hosts: Hosts::new(&server.hosts),
            limiter: Limiter::new(server.requests_per_second),
        }
    }
}
