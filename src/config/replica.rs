//! `[replica]`: what tells daemons apart that share a store, and when one counts as gone.

use std::{fs, net::SocketAddr};

use chrono::TimeDelta;

use super::{positive, reader::Reader};

#[derive(Debug, Clone)]
pub struct ReplicaConfig {
    /// Empty: the name of the machine and the port.
    name: String,
    pub lease: TimeDelta,
}

impl ReplicaConfig {
    /// The name of the replica that listens at `bind`.
    pub fn name(&self, bind: SocketAddr) -> String {
        if self.name.is_empty() {
            format!("{}:{}", machine(), bind.port())
        } else {
            self.name.clone()
        }
    }
}

/// As Linux tells it; elsewhere a machine has but one fleet.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

pub(super) fn replica(read: &mut Reader) -> ReplicaConfig {
    let fix = "use at most 100 of A-Z, a-z, 0-9 and . _ : -";
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    let is_name = |name: &String| name.len() <= 100 && name.chars().all(is_plain);
    ReplicaConfig {
        name: read.get_if("replica.name", fix, is_name),
        lease: positive(read, "replica.lease"),
    }
}
