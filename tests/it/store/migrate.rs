//! `barkeep migrate`: what it says, what it leaves alone, and what it refuses.

use std::process::Command;

use barkeep::store::{Store, StoreError};

use super::{execute, places};
use crate::support::postgres::PASSWORD;

/// Exit code and what is printed, in which the URL is `[url]`.
fn migrate(url: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command.arg("migrate").args(arguments).env_clear().env("BARKEEP__STORE__URL", url);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains(PASSWORD), "{said}");
    let shown = url.replace(&format!("barkeep:{PASSWORD}@"), "");
    (output.status.code().unwrap(), said.replace(&shown, "[url]"))
}

const ALL: [&str; 6] =
    ["0001 series", "0002 dead letter", "0003 budget", "0004 waived", "0005 finding", "0006 feed"];

fn lines(outcome: &str, end: &str) -> String {
    let all = ALL.map(|migration| format!("{outcome} {migration}\n"));
    format!("{}{end}\n", all.concat())
}

#[tokio::test]
async fn migrations_are_looked_for_without_a_trace_and_applied_once() {
    for (url, folder, _cluster) in places().await {
        let pending = lines("pending", "[url] is at migration 0, not at 6");
        for _ in 0..2 {
            assert_eq!(migrate(&url, &["--check"]), (1, pending.clone()));
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "looking changes nothing");
        let newest = "[url] is at migration 6, the newest";
        assert_eq!(migrate(&url, &[]), (0, lines("applied", newest)));
        for arguments in [&[][..], &["--check"]] {
            assert_eq!(migrate(&url, arguments), (0, format!("{newest}\n")));
        }
        execute(&url, "drop table feed; delete from _sqlx_migrations where version = 6").await;
        let behind = "pending 0006 feed\n[url] is at migration 5, not at 6\n";
        assert_eq!(migrate(&url, &["--check"]), (1, behind.to_owned()));
        // As `serve` does.
        let store = Store::open(&url.parse().unwrap()).await.unwrap();
        assert_eq!(store.feeds().await.unwrap(), []);
        store.close().await;
        assert_eq!(migrate(&url, &["--check"]), (0, format!("{newest}\n")));
    }
}

#[tokio::test]
async fn a_store_of_a_newer_barkeep_is_refused() {
    for (url, _folder, _cluster) in places().await {
        assert_eq!(migrate(&url, &[]).0, 0);
        let future = "insert into _sqlx_migrations \
                      (version, description, success, checksum, execution_time) \
                      select 9999, 'of the future', success, checksum, 0 \
                      from _sqlx_migrations where version = 1";
        execute(&url, future).await;
        let refused = "error: the control store has migration 9999, of a newer Barkeep; this one \
                       knows 6: run the newer one\n";
        for arguments in [&[][..], &["--check"]] {
            assert_eq!(migrate(&url, arguments), (1, refused.to_owned()));
        }
        let error = Store::open(&url.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 9999, known: 6 }), "{error}");
    }
}
