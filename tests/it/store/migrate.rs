//! `barkeep migrate`: what it says, what it leaves alone, and what it refuses.

use std::process::Command;

use barkeep::store::{Store, StoreError};

use super::{execute, places};
use crate::{
    architecture::{Source, texts},
    support::postgres::PASSWORD,
};

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

/// Number and name of every migration there is, as its file has them.
fn all() -> Vec<String> {
    let name = |source: Source| source.path["migrations/".len()..].replace('_', " ");
    texts("migrations").into_iter().map(|file| name(file).replace(".sql", "")).collect()
}

fn lines(outcome: &str, end: &str) -> String {
    let all: Vec<_> = all().iter().map(|one| format!("{outcome} {one}\n")).collect();
    format!("{}{end}\n", all.concat())
}

#[tokio::test]
async fn migrations_are_looked_for_without_a_trace_and_applied_once() {
    for (url, folder, _cluster) in places().await {
        let count = all().len();
        let pending = lines("pending", &format!("[url] is at migration 0, not at {count}"));
        for _ in 0..2 {
            assert_eq!(migrate(&url, &["--check"]), (1, pending.clone()));
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "looking changes nothing");
        let newest = format!("[url] is at migration {count}, the newest");
        assert_eq!(migrate(&url, &[]), (0, lines("applied", &newest)));
        for arguments in [&[][..], &["--check"]] {
            assert_eq!(migrate(&url, arguments), (0, format!("{newest}\n")));
        }
        execute(&url, "drop table feed; delete from _sqlx_migrations where version = 6").await;
        let (code, said) = migrate(&url, &["--check"]);
        assert!(code == 1 && said.starts_with("pending 0006 feed\n[url]"), "{code} {said}");
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
        let newest = i64::try_from(all().len()).unwrap();
        let refused = format!(
            "error: the control store has migration 9999, of a newer Barkeep; this one knows \
             {newest}: run the newer one\n"
        );
        for arguments in [&[][..], &["--check"]] {
            assert_eq!(migrate(&url, arguments), (1, refused.clone()));
        }
        let error = Store::open(&url.parse().unwrap()).await.unwrap_err();
        let is_it = matches!(error, StoreError::Newer { found: 9999, known } if known == newest);
        assert!(is_it, "{error}");
    }
}
