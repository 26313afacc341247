//! Bookmarks, conflicts between commits, and what stays in the log.

use std::collections::HashMap;

use deltalake::checkpoints::create_checkpoint;
use deltalake::logstore::get_actions;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_bookmark_can_be_moved_back_without_a_word() {
    let lake = Lake::create(&[]).await;
    let table = append(&lake.open().await, bars("BTC", 0, 1), bookmarked("feed", 7)).await.unwrap();

    // So the writer compares its own version with the bookmark before it commits.
    let table = append(&table, bars("BTC", 1, 1), bookmarked("feed", 3)).await.unwrap();

    assert_eq!(bookmark(&table, "feed").await, Some(3));
}

#[tokio::test]
async fn two_commits_that_race_with_one_app_id_cannot_both_land() {
    let lake = Lake::create(&[]).await;
    let stale = lake.open().await;
    append(&lake.open().await, bars("BTC", 0, 1), bookmarked("feed", 1)).await.unwrap();

    // "Reload and compare", never "failed": it may be our own commit whose answer was lost.
    let refused = append(&stale, bars("BTC", 0, 1), bookmarked("feed", 1)).await;

    assert!(matches!(conflict(refused), CommitConflictError::ConcurrentTransaction));
    assert_eq!(lake.rows().await, 1);
}

#[tokio::test]
async fn appends_with_other_app_ids_both_land_from_a_stale_snapshot() {
    let lake = Lake::create(&[]).await;
    let stale = lake.open().await;
    append(&lake.open().await, bars("BTC", 0, 1), bookmarked("one", 1)).await.unwrap();

    // So a second process on the same table costs a retry, not an error.
    let table = append(&stale, bars("ETH", 0, 1), bookmarked("other", 1)).await.unwrap();

    assert_eq!(lake.rows().await, 2);
    assert_eq!(
        (bookmark(&table, "one").await, bookmark(&table, "other").await),
        (Some(1), Some(1))
    );
}

#[tokio::test]
async fn bookmarks_survive_a_checkpoint() {
    let lake = Lake::create(&[]).await;
    let table = append(&lake.open().await, bars("BTC", 0, 1), bookmarked("feed", 7)).await.unwrap();
    create_checkpoint(&table, None).await.unwrap();
    // The checkpoint now is all there is to read the bookmark from.
    std::fs::remove_file(lake.log_file(0, "json")).unwrap();
    std::fs::remove_file(lake.log_file(1, "json")).unwrap();

    // So bookmarks need no store of their own, and a series never seen starts from nothing.
    let table = lake.open().await;

    assert_eq!(bookmark(&table, "feed").await, Some(7));
    assert_eq!(bookmark(&table, "never seen").await, None);
}

#[tokio::test]
async fn several_bookmarks_move_in_one_commit() {
    let lake = Lake::create(&[]).await;
    let moves = vec![Transaction::new("one", 1), Transaction::new("other", 2)];

    // So a group commit of many series is still exactly-once for each of them.
    let properties = quiet().with_application_transactions(moves);
    append(&lake.open().await, bars("BTC", 0, 1), properties).await.unwrap();

    let table = lake.open().await;
    assert_eq!(
        (bookmark(&table, "one").await, bookmark(&table, "other").await),
        (Some(1), Some(2))
    );
}

#[tokio::test]
async fn an_append_lands_beside_a_concurrent_optimize() {
    let lake = Lake::create(&[]).await;
    lake.grow(0, 2).await;
    let stale = lake.grow(2, 2).await;
    let (_, metrics) = lake.open().await.optimize().await.unwrap();
    assert_eq!(metrics.num_files_removed, 2);

    // So compaction needs no pause of the writers.
    append(&stale, bars("ETH", 0, 1), quiet()).await.unwrap();

    assert_eq!(lake.rows().await, 5);
}

#[tokio::test]
async fn an_append_is_refused_beside_a_concurrent_delete() {
    let lake = Lake::create(&[]).await;
    let stale = lake.grow(0, 2).await;
    lake.open().await.delete().with_predicate("close > 100.0").await.unwrap();

    // So bars are only ever added: a correction is a newer row.
    let refused = append(&stale, bars("ETH", 0, 1), quiet()).await;

    assert!(matches!(conflict(refused), CommitConflictError::ConcurrentDeleteRead));
}

#[tokio::test]
async fn an_append_is_refused_beside_a_new_column() {
    let lake = Lake::create(&[]).await;
    let stale = lake.open().await;
    let vendor = StructField::nullable("vendor", DataType::STRING);
    lake.open().await.add_columns().with_fields([vendor]).await.unwrap();

    // So whoever changes a table accepts that each writer reloads and pads its batch once more.
    let refused = append(&stale, bars("BTC", 0, 1), quiet()).await;

    assert!(matches!(conflict(refused), CommitConflictError::MetadataChanged));
}

#[tokio::test]
async fn an_append_is_refused_beside_a_new_property() {
    let lake = Lake::create(&[]).await;
    let stale = lake.open().await;
    let weekly = ("delta.logRetentionDuration".to_owned(), "interval 7 days".to_owned());
    let properties = HashMap::from([weekly]);
    lake.open().await.set_tbl_properties().with_properties(properties).await.unwrap();

    // So properties are set when the table is made, and not touched while it is written to.
    let refused = append(&stale, bars("BTC", 0, 1), quiet()).await;

    assert!(matches!(conflict(refused), CommitConflictError::MetadataChanged));
}

#[tokio::test]
async fn what_a_commit_is_told_can_be_read_back_from_its_file() {
    let lake = Lake::create(&[]).await;
    let redo = json!({ "series": ["coinbase/BTCUSD/1m"], "rows": 1 });
    let properties = quiet().with_metadata([("barkeep".to_owned(), redo.clone())]);
    let table = append(&lake.open().await, bars("BTC", 0, 1), properties).await.unwrap();

    // The redo record: the control store catches up from it after a crash between the two.
    let log = table.log_store();
    let entry = log.read_commit_entry(1).await.unwrap().unwrap();
    let actions = get_actions(1, &entry).unwrap();
    let told = actions.iter().find_map(|action| match action {
        Action::CommitInfo(commit) => commit.info.get("barkeep"),
        _ => None,
    });
    assert_eq!(told, Some(&redo));

    // The end of the log is an absent file, not an error: reading forward stops here.
    assert_eq!(log.read_commit_entry(2).await.unwrap(), None);
    assert_eq!(log.get_latest_version(0).await.unwrap(), 1);
}

#[tokio::test]
async fn a_checkpoint_is_written_when_the_interval_says_and_the_log_stays() {
    let expiring =
        [("delta.checkpointInterval", "3"), ("delta.logRetentionDuration", "interval 0 days")];
    let lake = Lake::create(&expiring).await;
    for minute in 0..5 {
        lake.grow(minute, 1).await;
    }

    // So opening a table reads one checkpoint and fewer than `checkpointInterval` commits.
    assert!(lake.log_file(2, "checkpoint.parquet").exists());
    assert!(lake.log_file(5, "checkpoint.parquet").exists());
    assert!(!lake.log_file(3, "checkpoint.parquet").exists());
    // So a redo record stays readable until maintenance clears the log, expired or not.
    assert!((0..=5).all(|version| lake.log_file(version, "json").exists()));

    // A writer that does not say so clears away whatever has expired.
    append(&lake.open().await, bars("BTC", 5, 1), CommitProperties::default()).await.unwrap();
    assert!(!lake.log_file(0, "json").exists());
}

#[tokio::test]
async fn a_kept_handle_grows_where_a_reopened_one_does_not() {
    let lake = Lake::create(&[("delta.checkpointInterval", "5")]).await;
    let mut kept = lake.open().await;
    for minute in 0..20 {
        kept = append(&kept, bars("BTC", minute, 1), quiet()).await.unwrap();
    }
    let reopened = lake.open().await;
    assert_eq!(kept.version(), reopened.version());

    // So the committer opens its table anew every few commits: each commit goes over all of this.
    let weight =
        |table: &DeltaTable| serde_json::to_string(table.snapshot().unwrap()).unwrap().len();
    assert!(weight(&kept) > 2 * weight(&reopened));
}
