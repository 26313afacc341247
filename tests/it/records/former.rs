//! The stores of the former system, through the real command.

use crate::{cli::Desk, corpus::corpus};

#[test]
fn a_folder_of_former_records_is_brought_in_once() {
    let Some(folder) = corpus() else { return };
    let trading = folder.join("trading");
    let desk = Desk::new();
    let run = |kind: &str, folders: &[&str]| {
        let folders = folders.iter().map(|name| trading.join(name).display().to_string());
        let folders: Vec<String> = folders.collect();
        let words = ["import", kind].into_iter().chain(folders.iter().map(String::as_str));
        let output = desk.run(&words.collect::<Vec<_>>());
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && err.is_empty(), "{err}");
        String::from_utf8(output.stdout).unwrap()
    };
    let says = |said: String, lines: [&str; 2]| {
        assert_eq!(said.lines().collect::<Vec<_>>(), lines, "{said}");
    };
    let none = "  0 landed, 0 revisions, 7 unchanged, 0 refused";
    let head = "raw_ai_decisions: 7 documents in 7 files";
    says(
        run("decisions", &["decisions"]),
        [head, "  7 landed, 0 revisions, 0 unchanged, 0 refused"],
    );
    says(run("decisions", &["decisions"]), [head, none]);
    let folders = ["trade_outcomes", "outcomes"];
    let head = "raw_trade_executions: 11 documents in 6 files";
    says(run("executions", &folders), [head, "  11 landed, 0 revisions, 0 unchanged, 0 refused"]);
    says(run("executions", &folders), [head, "  0 landed, 0 revisions, 11 unchanged, 0 refused"]);
    let mixed = run("executions", &["decisions"]);
    assert!(mixed.contains("0 landed") && mixed.contains("7 refused"), "{mixed}");
    assert!(mixed.contains("7 timestamp") || mixed.contains("positive_quantity"), "{mixed}");
}
