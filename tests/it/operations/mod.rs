//! What an operator is given: alert rules, the dashboard, the image. None of it may promise what
//! Barkeep does not do.

mod alerts;
mod dashboard;
mod image;
mod metrics;
mod promql;

use std::{
    fs, io,
    path::Path,
    process::{Command, Output},
};

use crate::architecture::root;

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs one of Prometheus's tools in `folder`, and fails if it does; `tests/run` sees to it that there
/// is one.
fn check(tool: &str, arguments: &[&str], folder: &Path) {
    let said = match Command::new(tool).args(arguments).current_dir(folder).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("skipped: there is no {tool}; tests/promtool gets it");
            return;
        }
        said => said.unwrap(),
    };
    let Output { status, stdout, stderr } = said;
    let text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(status.success(), "{tool} {arguments:?}:\n{text}");
}
