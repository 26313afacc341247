//! Whoever asks cannot change anything, nor keep the daemon from its work.

use std::time::{Duration, Instant};

use barkeep::sql::{LONGEST_QUERY, MOST_TOKENS};
use proptest::prelude::*;
use serde_json::json;

use super::{ask, cell, refused};
use crate::support::test_app::{Setup, TestApp};

fn bounded(settings: &'static [(&'static str, &'static str)]) -> Setup {
    Setup { settings, ..Setup::default() }
}

/// Everything below a folder with its length.
fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), entry.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn no_statement_can_write() {
    let app = TestApp::start().await;
    app.settle().await;
    let lake = app.folder.path().join("lake");
    let before = files(&lake);
    let out = app.folder.path().join("out");
    let out = out.display();
    for query in [
        "insert into raw_market_data_1m select * from raw_market_data_1m",
        "insert into system.gaps values (1)",
        "insert overwrite raw_market_data_1m select * from raw_market_data_1m",
        "delete from raw_market_data_1m",
        "update raw_market_data_1m set close = 1",
        "truncate table raw_market_data_1m",
        "drop table raw_market_data_1m",
        "drop schema bronze cascade",
        "create table t as select 1",
        "create or replace table raw_market_data_1m as select 1",
        "create view v as select 1",
        "create schema s",
        "create function f() returns int return 1",
        "alter table raw_market_data_1m add column x int",
        &format!("create external table t stored as csv location '{out}'"),
        &format!("copy (select 1) to '{out}/a.parquet'"),
        &format!("copy raw_market_data_1m to '{out}' stored as csv"),
        &format!("explain copy (select 1) to '{out}/a.parquet'"),
        &format!("explain analyze copy (select 1) to '{out}/b.parquet'"),
        "explain analyze insert into raw_market_data_1m select * from raw_market_data_1m",
        "with t as (select 1) delete from raw_market_data_1m",
        "set datafusion.execution.batch_size = 1",
        "reset datafusion.execution.batch_size",
        "begin",
        "commit",
        "prepare p as select 1",
        "execute p",
        "deallocate p",
        "merge into raw_market_data_1m using raw_market_data_1m b on true when matched then delete",
        "call f()",
        "vacuum raw_market_data_1m",
        "grant select on raw_market_data_1m to x",
        "use bronze",
        "analyze raw_market_data_1m",
    ] {
        refused(&app, query).await;
    }
    assert_eq!(files(&lake), before);
    assert!(!app.folder.path().join("out").exists());
    let detail = refused(&app, "drop table raw_market_data_1m").await;
    assert!(detail.contains("nothing can be changed"), "{detail}");
}

/// Files of the machine are no tables.
#[tokio::test]
async fn nothing_but_tables_can_be_read() {
    let app = TestApp::start().await;
    let file = app.folder.path().join("secret.csv");
    std::fs::write(&file, "word\nopen sesame\n").unwrap();
    let file = file.display();
    for query in [
        format!("select * from '{file}'"),
        format!("select * from \"{file}\""),
        format!("select * from read_csv('{file}')"),
        format!("select * from 'file://{file}'"),
        "select * from '/etc/passwd'".to_owned(),
        "select * from 'http://127.0.0.1/x.csv'".to_owned(),
    ] {
        refused(&app, &query).await;
    }
}

#[tokio::test]
async fn what_costs_too_much_is_refused_with_the_limit_that_it_meets() {
    let app = TestApp::with(bounded(&[
        ("SQL__MAX_ROWS", "1000"),
        ("SQL__MEMORY", "16MiB"),
        ("SQL__SPILL", "1MiB"),
        ("SQL__TIMEOUT", "2s"),
    ]))
    .await;
    assert_eq!(cell(&app, "select count(*) from generate_series(1, 5000)").await, 5_000);
    let detail = refused(&app, "select * from generate_series(1, 1001)").await;
    assert!(detail.contains("more than 1000 rows"), "{detail}");
    let long = format!("select '{}' from generate_series(1, 1000)", "x".repeat(2_000));
    for format in ["json", "csv", "parquet"] {
        let path = format!("/v1/sql?format={format}");
        let answer = app.post(&path, &json!({ "query": long })).await;
        // As Parquet it is hardly anything.
        if format != "parquet" {
            let problem = answer.problem_of(format, 422);
            assert!(problem["detail"].as_str().unwrap().contains("too long"), "{problem}");
        }
    }
    let numbers = "generate_series(1, 4000000)";
    let query = format!("select count(distinct cast(value as varchar)) from {numbers}");
    let detail = refused(&app, &query).await;
    assert!(detail.contains("memory"), "{detail}");
    let began = Instant::now();
    let endless = "select count(*) from generate_series(1, 9000000000000) where value % 7 = 3";
    let problem = ask(&app, endless).await.problem_of(endless, 504);
    assert_eq!(problem["code"], "timeout");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // Whoever asks next is answered: nothing of them is left.
    assert_eq!(cell(&app, "select count(*) from generate_series(1, 5000)").await, 5_000);
}

#[tokio::test]
async fn functions_that_make_much_of_little_are_not_there() {
    let app = TestApp::start().await;
    for query in [
        "select repeat('x', 2000000000)",
        "select lpad('x', 2000000000, 'y')",
        "select rpad('x', 2000000000, 'y')",
        "select replace('xxxx', 'x', 'yyyy')",
        "select regexp_replace('xxxx', 'x', 'yyyy', 'g')",
        "select range(0, 2000000000)",
        "select generate_series(0, 2000000000)",
        "select array_repeat(1, 2000000000)",
        "select list_repeat(1, 2000000000)",
        "select array_resize([1], 2000000000)",
        "select list_resize([1], 2000000000)",
    ] {
        let detail = refused(&app, query).await;
        assert!(detail.to_lowercase().contains("function"), "{query}: {detail}");
    }
}

/// Plans are walked by functions that call themselves; a stack that overflows would end the daemon.
/// And what the engine plans it cannot be stopped in.
#[tokio::test]
async fn the_deepest_query_that_is_read_does_no_harm() {
    let app =
        TestApp::with(bounded(&[("SQL__TIMEOUT", "4m"), ("SERVER__REQUEST_TIMEOUT", "5m")])).await;
    let most = |tokens: usize| (MOST_TOKENS - 10) / tokens;
    let long = |head: &str, part: &str, tokens| format!("{head}{}", part.repeat(most(tokens)));
    let deep = |open: &str, close: &str, tokens| {
        format!("select {}1{}", open.repeat(most(tokens)), close.repeat(most(tokens)))
    };
    for query in [
        long("select 1", "+1", 2),
        long("select true", " or true", 2),
        long("select 1", " union all select 1", 4),
        long("select 1 where 1 in (1", ",1", 1),
        long("select ", "-", 1),
        long("select ", "not ", 1),
        long("select 1", "::int", 2),
        long("select [1]", "[1]", 3),
        long("select ", "interval ", 1),
        long("select ", "position(", 2),
        long("select ", "cast(", 2),
        long("select ", "case when true then ", 4),
        long("select * from (select 1) a", ",(select 1)", 5),
        deep("(", ")", 2),
        deep("[", "]", 2),
        deep("abs(", ")", 3),
        deep("(select ", ")", 3),
        deep("case when true then ", " end", 5),
    ] {
        let answer = ask(&app, &query).await;
        let status = answer.status.as_u16();
        assert!([200, 422].contains(&status), "{}…: {}", &query[..20], answer.text());
    }
    let detail = refused(&app, &format!("select 1{}", "+1".repeat(MOST_TOKENS))).await;
    assert!(detail.contains("at most 2000"), "{detail}");
    let detail = refused(&app, &format!("select '{}'", "x".repeat(LONGEST_QUERY))).await;
    assert!(detail.contains("at most 65536"), "{detail}");
}

/// Words of the language in any order.
fn sentence() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("select".to_owned()),
        Just("from".to_owned()),
        Just("raw_market_data_1m".to_owned()),
        Just("system.gaps".to_owned()),
        Just("where".to_owned()),
        Just("insert into".to_owned()),
        Just("copy".to_owned()),
        Just("to".to_owned()),
        Just("create table".to_owned()),
        Just("as".to_owned()),
        Just("drop".to_owned()),
        Just("explain".to_owned()),
        Just("with".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just(",".to_owned()),
        Just("*".to_owned()),
        Just(";".to_owned()),
        Just("1".to_owned()),
        Just("'x'".to_owned()),
        Just("over".to_owned()),
        Just("group by".to_owned()),
        "[a-z]{1,4}",
        "\\PC{1,3}",
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_is_answered_or_refused_and_nothing_is_changed() {
    let app = TestApp::start().await;
    app.settle().await;
    let lake = app.folder.path().join("lake");
    let before = files(&lake);
    let handle = tokio::runtime::Handle::current();
    let run = |query: String| {
        let answer = tokio::task::block_in_place(|| handle.block_on(ask(&app, &query)));
        let status = answer.status.as_u16();
        assert!([200, 422].contains(&status), "{query}: {}", answer.text());
        Ok(())
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    runner.run(&sentence(), run).unwrap();
    let body = json!({ "query": "select 1", "as_of": "" });
    app.post("/v1/sql", &body).await.problem_of("an empty instant", 422);
    assert_eq!(files(&lake), before);
}
