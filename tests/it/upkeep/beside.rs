//! Maintenance beside commits and readers.

use super::{BTC, age, assert_clean, bench, keep, minutes, path_at, table};
use crate::support::test_app::seconds;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t50_landings_beside_passes_lose_nothing_double_nothing_and_never_fail() {
    let app = bench().await;
    let table = table(&app);
    let (mut entries, mut files) = (0, 0);
    for round in 0..40 {
        app.clock.advance(seconds(60));
        let merge = async {
            if round % 3 == 0 {
                table.compact_fully().await.unwrap();
            }
        };
        let (polled, done, ()) = tokio::join!(app.poll(BTC), keep(&app), merge);
        polled.unwrap();
        entries += done.entries_removed;
        files += done.removed.files;
        if round % 10 == 5 {
            age(&app, 8);
        }
    }
    assert!(entries > 20 && files > 10, "{entries} entries, {files} files");
    let retried = &app.app.metrics.delta_commit_conflicts;
    assert_eq!(retried.with_label_values(&["raw_market_data_1m"]).get(), 0);
    assert_clean(&app).await;
    let app = app.restart().await;
    assert_clean(&app).await;
}

/// Whoever reads a version that is just going gets all of it, or is told that it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t48_readers_of_old_versions_beside_passes_get_the_truth_or_are_told() {
    let app = bench().await;
    let start = app.now();
    let moments = minutes(&app, start, 40).await;
    let (mut read, mut gone) = (0, 0);
    for then in &moments {
        let path = path_at(start, then.version);
        age(&app, 4);
        let (answer, _, again) = tokio::join!(app.get(&path), keep(&app), app.get(&path));
        for answer in [answer, again] {
            if answer.status == 410 {
                assert_eq!(answer.problem_of(&path, 410)["code"], "version_gone");
                gone += 1;
            } else {
                assert_eq!(answer.ok()["candles"], then.candles, "version {}", then.version);
                read += 1;
            }
        }
    }
    assert!(read > 0 && gone > 20, "{read} read, {gone} gone");
    // The present is always there.
    assert_clean(&app).await;
}

/// It was opened before, and reads what was removed only after it has ended.
#[tokio::test]
async fn t48_a_reader_that_began_before_a_pass_ends_after_it() {
    let app = bench().await;
    let start = app.now();
    minutes(&app, start, 20).await;
    let snapshot = table(&app).snapshot();
    let rows = |table: deltalake::DeltaTable| async move {
        let context = deltalake::delta_datafusion::DeltaSessionContext::default().into_inner();
        let provider = table.table_provider().await.unwrap();
        let rows = context.read_table(provider).unwrap().collect().await.unwrap();
        // Counted one by one, since the log alone would know how many there are.
        rows.iter().map(deltalake::arrow::array::RecordBatch::num_rows).sum::<usize>()
    };
    let before = rows(snapshot.clone()).await;
    minutes(&app, start, 20).await;
    age(&app, 8);
    minutes(&app, start, 11).await;
    let done = keep(&app).await;
    assert!(done.oldest_version > snapshot.version().unwrap(), "{done:?}");
    assert_eq!(rows(snapshot).await, before, "its version left the log with this pass");
}
